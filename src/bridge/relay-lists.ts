import type { NostrEvent } from '../../relay/event.ts'
import type { Secp256k1 } from '../../relay/signatures/secp256k1.ts'
import { hasRightId, parseEvent, verifySignature } from '../../relay/signatures/verify.ts'
import type { Connection } from './connection.ts'
import type { Outbound } from './outbound.ts'
import { type ReadRelays, relayListKind } from './read-relays.ts'

/** Asks the operator's relays now and then where customers read (NIP-65): they may be known there only, and they move. */
export type RelayLists = {
  /** An event of ours goes out to a customer. */
  published(customer: string, eventId: string): void
  /** A relay may be asked from now on: customers may have waited for one. */
  connected(): void
}

/** How long what a relay said of a customer is believed to be all there is. */
const lookAgainSeconds = 86_400
/** A list of the future would stand against all later ones. */
const aheadSeconds = 900
const timeoutMs = 10_000
const atOnce = 8
const maxCustomers = 1_000
const maxEventsEach = 100
const maxRemembered = 20_000

/** Makes it. Each relay is asked for each customer once a day at most, and for few of them at a time. */
export function createRelayLists(options: {
  /** Relays that are connected and may be asked. */
  sources(): readonly { readonly key: string; readonly connection: Connection }[]
  readRelays: ReadRelays
  secp: Secp256k1
  maxEventBytes: number
  outbound: Pick<Outbound, 'enqueue'>
  find(eventId: string): NostrEvent | undefined
  /** Runs in the writer's transaction; resolves once it is durable. */
  write(change: () => void): Promise<void>
  /** Something has been put into the queue. */
  queued(): void
  /** Unix seconds. */
  now(): number
  onError(error: unknown): void
}): RelayLists {
  const { sources, readRelays, secp, outbound, find, write, queued, now, onError } = options
  const limits = { maxTags: 2_000, maxTagValueLength: 1_024, maxEventBytes: options.maxEventBytes }
  /** Relay and customer → when it was last asked, in Unix seconds. */
  const askedAt = new Map<string, number>()
  /** Customers that are being looked for or wait for that, with the events that go out to them meanwhile. */
  const looks = new Map<string, Set<string>>()
  const waiting: string[] = []
  let underWay = 0

  const dueSources = (customer: string) =>
    sources().filter(({ key }) => now() - (askedAt.get(`${key} ${customer}`) ?? 0) >= lookAgainSeconds)

  const begin = () => {
    while (underWay < atOnce && sources().length > 0) {
      const customer = waiting.shift()
      if (customer === undefined) return
      underWay++
      void Promise.all(dueSources(customer).map(source => ask(source, customer))).then(() => {
        underWay--
        looks.delete(customer)
        begin()
      })
    }
  }

  const ask = ({ key, connection }: { key: string; connection: Connection }, customer: string) =>
    new Promise<void>(resolve => {
      const id = `list-${customer.slice(0, 16)}`
      const finish = () => {
        clearTimeout(timer)
        connection.unsubscribe(id)
        resolve()
      }
      const answered = () => {
        remember(askedAt, `${key} ${customer}`, now())
        finish()
      }
      const timer = setTimeout(finish, timeoutMs)
      timer.unref()
      const filter = { kinds: [relayListKind], authors: [customer], limit: 1 }
      connection.subscribe(id, filter, {
        event: value => {
          // One signature is looked at for each time that it is asked.
          const list = verified(value, customer)
          if (list !== null) learn(list).catch(onError)
          answered()
        },
        end: answered,
        closed: answered,
      })
    })

  const verified = (value: unknown, customer: string): NostrEvent | null => {
    const parsed = parseEvent(value, limits)
    if (!parsed.ok || parsed.event.kind !== relayListKind || parsed.event.pubkey !== customer) return null
    return hasRightId(parsed.event) ? verifySignature(parsed.event, secp) : null
  }

  const learn = async (list: NostrEvent) => {
    const before = readRelays.of(list.pubkey)
    if (list.created_at <= before.createdAt || list.created_at > now() + aheadSeconds) return
    const ids = looks.get(list.pubkey) ?? []
    await write(() => readRelays.keep(list))
    if (readRelays.of(list.pubkey).relays.join() === before.relays.join()) return
    // What went out while we asked did not go where the customer reads. Who has it already says so.
    const events = [...ids].flatMap(id => find(id) ?? [])
    await write(() => outbound.enqueue(events))
    queued()
  }

  return {
    published: (customer, eventId) => {
      const ids = looks.get(customer)
      if (ids !== undefined) {
        if (ids.size < maxEventsEach) ids.add(eventId)
        return
      }
      const isAsked = sources().length > 0 && dueSources(customer).length === 0
      if (looks.size >= maxCustomers || isAsked) return
      looks.set(customer, new Set([eventId]))
      waiting.push(customer)
      begin()
    },
    connected: begin,
  }
}

function remember(times: Map<string, number>, key: string, time: number): void {
  times.delete(key)
  times.set(key, time)
  if (times.size <= maxRemembered) return
  const [oldest] = times.keys()
  if (oldest !== undefined) times.delete(oldest)
}
