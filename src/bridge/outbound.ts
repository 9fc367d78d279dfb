import type { NostrEvent } from '../../relay/event.ts'
import { kinds } from '../protocol/kinds.ts'
import type { Environment } from '../store/environment.ts'
import { tables } from '../store/tables.ts'

/** One event on its way to one relay. */
export type Parcel = { readonly number: number; readonly eventId: string; readonly at: number }

/**
 * What has to go to other relays, as rows of `outbound`: first under no relay, written in the transaction that makes the
 * event, then under each relay that it is for. All but `parcels` and `queued` are called inside the writer's transaction.
 */
export type Outbound = {
  /** Takes up what of these events others are to have. */
  enqueue(events: readonly NostrEvent[]): void
  /** The next parcels for a relay, in order; `''` is for those whose relays are still to be found. */
  parcels(relay: string, after: number, limit: number): Parcel[]
  /** Puts a parcel under its relays; a relay with `max` of them loses its oldest. Says how many were lost. */
  route(parcel: Parcel, relays: readonly { key: string; max: number }[]): number
  remove(relay: string, parcels: readonly Parcel[]): void
  queued(relay: string): number
  /** Relays that something waits for. */
  waiting(): string[]
}

const bridgedKinds: ReadonlySet<number> = new Set([
  kinds.result,
  kinds.notice,
  kinds.name,
  kinds.domainOffer,
  kinds.serviceInfo,
  31_990,
])
const counter = ['outbound'] as const

/** Makes the queue. `now` is in Unix seconds. */
export function createOutbound(options: { environment: Environment; service: string; now(): number }): Outbound {
  const { environment, service, now } = options
  const { reader, transactor } = environment

  const nextNumber = (): number => {
    const value = (reader.get(tables.local, counter)?.value ?? 0) + 1
    transactor.put(tables.local, counter, { value })
    return value
  }
  const queued = (relay: string) => reader.get(tables.bridgeRelays, [relay])?.queued ?? 0
  const count = (relay: string, by: number) => {
    const row = reader.get(tables.bridgeRelays, [relay])
    const left = Math.max(0, (row?.queued ?? 0) + by)
    if (left === 0 && (row?.seenUntil ?? 0) === 0) transactor.delete(tables.bridgeRelays, [relay])
    else transactor.put(tables.bridgeRelays, [relay], { seenUntil: row?.seenUntil ?? 0, queued: left })
  }
  const parcels: Outbound['parcels'] = (relay, after, limit) =>
    reader
      .range(tables.outbound, [relay], { after: [relay, after], limit })
      .map(({ key: [, number], row }) => ({ number, ...row }))

  const remove: Outbound['remove'] = (relay, gone) => {
    let removed = 0
    for (const { number } of gone) {
      // One that was lost to a full queue meanwhile must not be counted twice.
      if (!reader.has(tables.outbound, [relay, number])) continue
      transactor.delete(tables.outbound, [relay, number])
      removed++
    }
    if (removed > 0) count(relay, -removed)
  }

  return {
    enqueue: events => {
      for (const event of events) {
        if (event.pubkey !== service || !bridgedKinds.has(event.kind)) continue
        transactor.put(tables.outbound, ['', nextNumber()], { eventId: event.id, at: now() })
      }
    },
    parcels,
    route: ({ number, eventId, at }, relays) => {
      if (!reader.has(tables.outbound, ['', number])) return 0
      transactor.delete(tables.outbound, ['', number])
      let lost = 0
      for (const { key, max } of relays) {
        if (queued(key) >= max) {
          const oldest = parcels(key, 0, 1)
          lost += oldest.length
          remove(key, oldest)
        }
        transactor.put(tables.outbound, [key, number], { eventId, at })
        count(key, 1)
      }
      return lost
    },
    remove,
    queued,
    waiting: () =>
      reader
        .range(tables.bridgeRelays, [])
        .filter(({ row }) => row.queued > 0)
        .map(({ key: [relay] }) => relay),
  }
}
