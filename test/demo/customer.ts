import { setTimeout as delay } from 'node:timers/promises'
import NDK, {
  NDKEvent,
  type NDKFilter,
  NDKPrivateKeySigner,
  NDKRelayAuthPolicies,
  NDKSubscriptionCacheUsage,
  NDKUser,
} from '@nostr-dev-kit/ndk'
import { WebSocket } from 'ws'
import type { NostrEvent } from '../../relay/event.ts'
import { type Key, open, type Reply } from '../end-to-end/envelope.ts'

/** A customer whose client is NDK: it knows nothing of Panda but kinds and tags. */
export type Customer = {
  readonly key: Key
  /** Sends a command or query, encrypted to the service, and waits for its result or answer. */
  ask(kind: 2410 | 22_410, method: string, params: object): Promise<Reply>
  /** The next notice of a type, which may be here already. */
  notice(type: string): Promise<Reply>
  fetchOne(filter: NDKFilter): Promise<NostrEvent>
  close(): void
}

const patienceMs = 10_000

// NDK uses the browser's WebSocket, which Node 20 does not have.
Object.assign(globalThis, { WebSocket })

/** Connects to one relay and no other, and signs in when the relay asks for it. */
export async function connectCustomer(key: Key, relayUrl: string, service: string): Promise<Customer> {
  const signer = new NDKPrivateKeySigner(key.secretKey)
  let isListening = () => {}
  const listening = new Promise<void>(resolve => {
    isListening = resolve
  })
  const ndk = new NDK({
    explicitRelayUrls: [relayUrl],
    enableOutboxModel: false,
    autoConnectUserRelays: false,
    signer,
    // Of what is subscribed to first, the end comes only to whoever has signed in.
    netDebug: (message, _relay, direction) => {
      if (direction === 'recv' && message.startsWith('["EOSE"')) isListening()
    },
  })
  ndk.relayAuthDefaultPolicy = NDKRelayAuthPolicies.signIn({ ndk, signer })
  await ndk.connect(patienceMs)

  const arrived: NostrEvent[] = []
  const waiting = new Set<() => void>()
  const mine: NDKFilter = { kinds: [2411, 2412, 22_411] as number[], '#p': [key.publicKey] }
  const inbox = ndk.subscribe(mine, {
    closeOnEose: false,
    groupable: false,
    cacheUsage: NDKSubscriptionCacheUsage.ONLY_RELAY,
    onEvent: event => {
      arrived.push(event.rawEvent() as NostrEvent)
      for (const look of [...waiting]) look()
    },
  })

  // An answer is not kept: asked before somebody listens, it would be lost.
  const tooLate = delay(patienceMs, undefined, { ref: false }).then(() => {
    throw new Error('NDK could not sign in and subscribe')
  })
  await Promise.race([listening, tooLate])

  const next = (what: string, matches: (event: NostrEvent) => boolean): Promise<Reply> =>
    new Promise((resolve, reject) => {
      const look = () => {
        const index = arrived.findIndex(matches)
        if (index < 0) return
        clearTimeout(timer)
        waiting.delete(look)
        const [event] = arrived.splice(index, 1)
        if (event !== undefined) resolve(open(event, service, key))
      }
      const timer = setTimeout(() => {
        waiting.delete(look)
        const kinds = arrived.map(event => event.kind).join(', ')
        reject(new Error(`${what} did not come within ${patienceMs / 1_000} s (here: ${kinds || 'nothing'})`))
      }, patienceMs)
      waiting.add(look)
      look()
    })

  return {
    key,
    ask: async (kind, method, params) => {
      const tags = [
        ['p', service],
        ['method', method],
        ['encryption', 'nip44_v2'],
      ]
      const content = await signer.encrypt(new NDKUser({ pubkey: service }), JSON.stringify(params), 'nip44')
      const event = new NDKEvent(ndk, {
        kind,
        content,
        tags,
        created_at: Math.floor(Date.now() / 1_000),
        pubkey: key.publicKey,
      })
      await event.sign()
      await event.publish(undefined, patienceMs)
      const isAbout = (one: NostrEvent) => one.tags.some(tag => tag[0] === 'e' && tag[1] === event.id)
      return next(`the answer to ${method}`, one => one.kind === kind + 1 && isAbout(one))
    },
    notice: type =>
      next(
        `the notice ${type}`,
        event => event.kind === 2412 && event.tags.some(tag => tag[0] === 'type' && tag[1] === type),
      ),
    fetchOne: async filter => {
      const options = { cacheUsage: NDKSubscriptionCacheUsage.ONLY_RELAY, groupable: false }
      const event = await ndk.fetchEvent(filter, options)
      if (event === null) throw new Error(`the relay has no event for ${JSON.stringify(filter)}`)
      return event.rawEvent() as NostrEvent
    },
    close: () => {
      inbox.stop()
      for (const relay of ndk.pool.relays.values()) relay.disconnect()
    },
  }
}
