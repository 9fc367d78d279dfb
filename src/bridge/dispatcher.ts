import type { NostrEvent } from '../../relay/event.ts'
import type { Outbound, Parcel } from './outbound.ts'
import type { Router } from './router.ts'

/** Puts what is to go out under the relays that it is for. */
export type Dispatcher = { wake(): void; stop(): void }

const atOnce = 100
/** An event that cannot be found may still be on its way to the disk; after so long it has been replaced. */
const missingSeconds = 60
const lookAgainMs = 1_000

/** Makes the dispatcher. */
export function createDispatcher(options: {
  outbound: Outbound
  find(eventId: string): NostrEvent | undefined
  router: Router
  write(change: () => void): Promise<void>
  /** There is something for this relay. */
  filled(relay: string): void
  lost(count: number): void
  now(): number
  onError(error: unknown): void
}): Dispatcher {
  const { outbound, find, router, write, filled, lost, now, onError } = options
  let busy = false
  let again = false
  let stopped = false
  let retry: NodeJS.Timeout | undefined

  const lookAgain = () => {
    if (stopped) return
    retry ??= setTimeout(() => {
      retry = undefined
      wake()
    }, lookAgainMs)
    retry.unref()
  }

  const routeOf = (parcel: Parcel) => {
    const event = find(parcel.eventId)
    if (event !== undefined) return { parcel, relays: router(event) }
    return now() - parcel.at > missingSeconds ? { parcel, relays: [] } : null
  }

  const dispatch = async () => {
    let after = 0
    while (!stopped) {
      const parcels = outbound.parcels('', after, atOnce)
      const routes = parcels.map(routeOf).filter(route => route !== null)
      if (routes.length < parcels.length) lookAgain()
      if (routes.length > 0) {
        let gone = 0
        await write(() => {
          gone = 0
          for (const { parcel, relays } of routes) gone += outbound.route(parcel, relays)
        })
        if (gone > 0) lost(gone)
        for (const key of new Set(routes.flatMap(({ relays }) => relays.map(relay => relay.key)))) filled(key)
      }
      const last = parcels.at(-1)
      if (last === undefined) return
      after = last.number
    }
  }

  const run = async () => {
    try {
      while (again && !stopped) {
        again = false
        await dispatch()
      }
    } catch (error) {
      onError(error)
      lookAgain()
    } finally {
      busy = false
    }
  }

  const wake = () => {
    again = true
    if (busy || stopped) return
    busy = true
    void run()
  }

  return {
    wake,
    stop: () => {
      stopped = true
      clearTimeout(retry)
    },
  }
}
