import { z } from 'zod'
import type { Limits } from '../../relay/limits.ts'
import type { Relay } from '../../relay/relay.ts'
import type { ImportShare } from '../../relay/sync/import.ts'
import { startSync, syncFilter } from '../../relay/sync/sync.ts'
import { checkParams } from '../protocol/faults.ts'
import { restrictedKinds } from '../protocol/kinds.ts'
import type { ControlStream } from './control-stream.ts'
import { telling } from './relay-handlers.ts'

const urlMessage = 'a URL that begins with ws:// or wss://'

const syncParams = z.strictObject({
  url: z.string(urlMessage).max(1_024, urlMessage).refine(isWebsocketUrl, urlMessage),
  direction: z.enum(['up', 'down', 'both'], 'up, down or both'),
  filter: z.record(z.string(), z.unknown()),
})

/** The long method `relay.sync` of the control socket; `share` is how much of the relay it may take up. */
export function syncStream(
  relay: Pick<Relay, 'store' | 'submit' | 'stats'>,
  { limits, share, now }: { limits: Limits; share: ImportShare; now(): number },
): ControlStream {
  return async (params, { tell, signal }) => {
    const checked = checkParams(syncParams, params)
    if (!checked.ok) {
      return { ok: false, error: checked.faults.map(({ path, message }) => `${path}: ${message}`).join('; ') }
    }
    const filter = syncFilter(checked.params.filter)
    if (!filter.ok) return { ok: false, error: `the filter cannot be used: ${filter.reason}` }
    const sync = startSync({ ...checked.params, relay, restrictedKinds, limits, share, now, signal })
    return { ok: true, result: await telling(sync.done, () => tell(sync.report())) }
  }
}

/** Whether a text is the URL of a websocket. */
export function isWebsocketUrl(text: string): boolean {
  return URL.canParse(text) && ['ws:', 'wss:'].includes(new URL(text).protocol)
}
