import type { Destination } from './destination.ts'
import type { Outbound } from './outbound.ts'
import type { Backoff } from './settings.ts'

/** The relays of customers: strangers' choice, so few at once, for a short time, and seldom when they do not answer. */
export type CustomerRelays = {
  /** Whether there is room for one more, or it is there already. */
  mayAdd(key: string): boolean
  /** Something waits for this relay. */
  wake(key: string): void
  each(): readonly Destination[]
  stop(): void
}

/** Those that wait for their turn cost memory. */
const maxWaitingPerTurn = 100

/** Who has not taken everything by then gives its place to another. */
const turnMs = 60_000

type Customer = {
  readonly destination: Destination
  /** Since when it has one of the places; `null` while it waits for one. */
  activeSinceMs: number | null
  failures: number
  notBeforeMs: number
  idleSinceMs: number
}

/** Makes the relays of customers; those with something in the queue are taken up again. */
export function createCustomerRelays(options: {
  outbound: Pick<Outbound, 'queued'>
  waiting: readonly string[]
  create(key: string, down: () => void): Destination
  maxAtOnce: number
  idleMs: number
  backoff: Backoff
  everyMs: number
  nowMs(): number
}): CustomerRelays {
  const { outbound, create, maxAtOnce, idleMs, backoff, everyMs, nowMs } = options
  const relays = new Map<string, Customer>()

  const add = (key: string): Customer => {
    const known = relays.get(key)
    if (known !== undefined) return known
    const destination = create(key, () => failed(customer))
    const customer: Customer = { destination, activeSinceMs: null, failures: 0, notBeforeMs: 0, idleSinceMs: nowMs() }
    relays.set(key, customer)
    return customer
  }
  const failed = (customer: Customer) => {
    // Who has nothing left for it ended the connection.
    if (customer.activeSinceMs === null) return
    customer.activeSinceMs = null
    customer.notBeforeMs = nowMs() + Math.min(backoff.maxMs, backoff.firstMs * 2 ** Math.min(customer.failures++, 30))
    customer.destination.link.leave()
  }

  /** Lets go of those that are done, and gives their places to those that wait. */
  const look = () => {
    let active = 0
    for (const [key, customer] of relays) {
      const { destination } = customer
      const isIdle = destination.delivery.isIdle()
      if (!isIdle) customer.idleSinceMs = nowMs()
      if (isIdle && nowMs() - customer.idleSinceMs >= idleMs) {
        customer.activeSinceMs = null
        destination.delivery.stop()
        destination.link.leave()
        relays.delete(key)
        continue
      }
      if (!isIdle && nowMs() - (customer.activeSinceMs ?? nowMs()) >= turnMs) failed(customer)
      if (customer.activeSinceMs !== null) active++
    }
    for (const [key, customer] of relays) {
      if (active >= maxAtOnce) break
      if (customer.activeSinceMs !== null || nowMs() < customer.notBeforeMs || outbound.queued(key) === 0) continue
      // Behind the others, so that each has its turn.
      relays.delete(key)
      relays.set(key, customer)
      customer.activeSinceMs = nowMs()
      active++
      customer.destination.link.want()
    }
  }

  for (const key of options.waiting) add(key)
  const looking = setInterval(look, everyMs)
  looking.unref()
  look()

  return {
    mayAdd: key => relays.has(key) || relays.size < maxAtOnce * maxWaitingPerTurn,
    wake: key => {
      const customer = add(key)
      customer.idleSinceMs = nowMs()
      customer.destination.delivery.wake()
    },
    each: () => [...relays.values()].map(({ destination }) => destination),
    stop: () => {
      clearInterval(looking)
      for (const customer of relays.values()) {
        customer.activeSinceMs = null
        customer.destination.delivery.stop()
        customer.destination.link.leave()
      }
    },
  }
}
