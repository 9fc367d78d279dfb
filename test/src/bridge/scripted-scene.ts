import { afterEach, beforeEach, vi } from 'vitest'
import type { NostrEvent } from '../../../relay/event.ts'
import { keyOf } from '../service.ts'
import { type BridgedService, commandOf, freeName, makeDirectory, openBridgedService } from './bridged-service.ts'
import type { ScriptedRelay } from './scripted-relay.ts'

type Options = Partial<Parameters<typeof openBridgedService>[0]>

/** A service and a relay that says what a test has it say, for each test of a file; both end with it. */
export function setScene() {
  const alice = keyOf(2)
  let data: ReturnType<typeof makeDirectory>
  beforeEach(() => {
    data = makeDirectory()
  })
  afterEach(async () => {
    await scene.panda.close()
    await scene.relay.close()
    data.remove()
  })
  const scene = {
    alice,
    // Both are there from `follow` on.
    panda: undefined as unknown as BridgedService,
    relay: undefined as unknown as ScriptedRelay,
    directory: () => data.directory,
    /** Has the service read from and write to a relay. */
    follow: async (served: ScriptedRelay, options: Options = {}): Promise<void> => {
      scene.relay = served
      const config = {
        relays: [{ url: served.url, read: true, write: true }],
        customerRelays: 'never' as const,
        ...options.config,
      }
      scene.panda = await openBridgedService({ directory: data.directory, ...options, config })
    },
    until: (check: () => void) => vi.waitFor(check, { timeout: 5_000, interval: 10 }),
    state: () => scene.panda.stateOf(scene.relay.url),
    register: (name: string): NostrEvent => commandOf(alice, 'identifier.register', freeName(name)),
    /** What the relay has heard of a verb. */
    sentTo: (verb: string) => scene.relay.heard.filter(message => message[0] === verb),
  }
  return scene
}
