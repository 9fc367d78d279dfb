import { tables } from '../../src/store/tables.ts'
import type { Clients } from './clients.ts'
import type { Journal } from './journal.ts'
import type { Node } from './wallet/node.ts'

/** In simulated time during which the service runs and can reach what it needs. */
const bookedWithinMs = 3_600_000
const answeredWithinMs = 600_000
/** A machine that is looked at seldom has had less of a chance. */
const leastLooks = 40

type Since = { readonly atMs: number; readonly looks: number }

/** Says what has waited for longer than it may: paid and not booked, acknowledged and not answered. */
export function createDeadlines(options: { journal: Journal; node: Node; clients: Clients }) {
  const { journal, node, clients } = options
  const { reader } = journal.environment
  let upMs = 0
  let upLooks = 0
  let settlementsSeen = 0
  const unbooked = new Map<string, Since>()
  const unanswered = new Map<string, Since>()

  const isBooked = (paymentHash: string) => {
    const id = reader.get(tables.invoicesByHash, [paymentHash])?.invoiceId
    return id !== undefined && reader.get(tables.invoices, [id])?.status === 'settled'
  }

  const overdue = <Key>(waiting: Map<Key, Since>, withinMs: number, isDone: (key: Key) => boolean): Key[] => {
    const late: Key[] = []
    for (const [key, since] of waiting) {
      if (upMs - since.atMs < withinMs || upLooks - since.looks < leastLooks) break
      waiting.delete(key)
      if (!isDone(key)) late.push(key)
    }
    return late
  }

  return {
    /** Time has passed; `isUp`: in which the service could work. */
    passed: (ms: number, looks: number, isUp: boolean): void => {
      if (!isUp) return
      upMs += ms
      upLooks += looks
    },
    acknowledged: (commandId: string): void => {
      unanswered.set(commandId, { atMs: upMs, looks: upLooks })
    },
    check: (): string[] => {
      for (const { paymentHash } of node.settlements.slice(settlementsSeen)) {
        unbooked.set(paymentHash, { atMs: upMs, looks: upLooks })
      }
      settlementsSeen = node.settlements.length
      return [
        ...overdue(unbooked, bookedWithinMs, isBooked).map(
          hash => `every paid invoice ends: ${hash} is paid and not booked`,
        ),
        ...overdue(unanswered, answeredWithinMs, id => clients.sent.get(id)?.result !== null).map(
          id => `one result per command: ${id} has none`,
        ),
      ]
    },
  }
}
