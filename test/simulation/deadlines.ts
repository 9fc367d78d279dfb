import { tables } from '../../src/store/tables.ts'
import type { Clients } from './clients.ts'
import type { Journal } from './journal.ts'
import type { Incoming, Node } from './wallet/node.ts'

/** How long, in simulated time, and how often the machine has looked around meanwhile: one that seldom does has had less of a chance. */
type Span = { readonly ms: number; readonly looks: number }

/** While the service runs and the wallet is there, calls and notices get lost now and then, and are made up for by the next sweep. */
const bookedWithin: Span = { ms: 3_600_000, looks: 40 }
const answeredWithin: Span = { ms: 600_000, looks: 40 }
/**
 * While nothing goes wrong at all. A sweep that passed by just before has to end, 300 s later the next one begins and has to
 * come to the invoice; after it, or after the circuit breaker's 30 s, the longest pause between two tries of a job is 60 s.
 */
const bookedUnhinderedWithin: Span = { ms: 900_000, looks: 12 }
/** A sweep asks for one invoice after the other: of ten calls to a bad wallet one is given up after 15 s, and a sweep may be cut short once. */
const lookUpMs = 3_000

type Since = { readonly up: Span; readonly stretch: number; readonly clear: Span }

/** Says what has waited for longer than it may: paid and not booked, waiting to be taken or given back, acknowledged and not answered. */
export function createDeadlines(options: { journal: Journal; node: Node; clients: Clients; nowMs(): number }) {
  const { journal, node, clients, nowMs } = options
  const { reader } = journal.environment
  /** The time in which the service could work, since the beginning and since anything went wrong last. */
  let up: Span = { ms: 0, looks: 0 }
  let clear: Span = { ms: 0, looks: 0 }
  /** The number of what `clear` counts. */
  let stretch = 0
  let lastLooks = 0
  let settlementsSeen = 0
  let acceptedSeen = 0
  const unbooked = new Map<string, Since>()
  const unanswered = new Map<string, Since>()
  const waiting = new Map<Incoming, Since>()

  const now = (): Since => ({ up, stretch, clear })
  const isBooked = (paymentHash: string) => {
    const id = reader.get(tables.invoicesByHash, [paymentHash])?.invoiceId
    return id !== undefined && reader.get(tables.invoices, [id])?.status === 'settled'
  }

  const hasPassed = (within: Span, from: Span, to: Span, spared: Span) =>
    to.ms - from.ms - spared.ms >= within.ms && to.looks - from.looks - spared.looks >= within.looks
  /** Whether the service has had its time; `spared` came too late to count. */
  const isOver = (since: Since, spared: Span = { ms: 0, looks: 0 }) =>
    hasPassed(bookedWithin, since.up, up, spared) ||
    hasPassed(bookedUnhinderedWithin, since.stretch === stretch ? since.clear : { ms: 0, looks: 0 }, clear, spared)

  /** The same for what a sweep finds, which comes to it when it has asked for the others. */
  const isSwept = (since: Since) =>
    isOver(since) && isOver(since, { ms: reader.range(tables.unsettledInvoices, []).length * lookUpMs, looks: 0 })

  const overdue = <Key>(
    waitingFor: Map<Key, Since>,
    isTime: (since: Since) => boolean,
    isDone: (key: Key) => boolean,
  ): Key[] => {
    const late: Key[] = []
    for (const [key, since] of waitingFor) {
      if (!isTime(since)) break
      waitingFor.delete(key)
      if (!isDone(key)) late.push(key)
    }
    return late
  }

  /** Of payments that wait for us, those that still do, or went back by themselves, when they should have been dealt with. */
  const unattended = (): string[] => {
    const found: string[] = []
    for (const [invoice, since] of waiting) {
      const { paymentHash, status, wentBackAtMs } = invoice
      const spared = wentBackAtMs === null ? undefined : { ms: nowMs() - wentBackAtMs, looks: lastLooks }
      if (status === 'accepted' && !isOver(since)) continue
      waiting.delete(invoice)
      if (status === 'accepted') found.push(`every paid invoice ends: ${paymentHash} waits to be taken or given back`)
      else if (wentBackAtMs !== null && isOver(since, spared)) {
        found.push(`every paid invoice ends: nobody took ${paymentHash} or gave it back, until it went back by itself`)
      }
    }
    return found
  }

  return {
    /** Time has passed; `isUp`: in which the service could work, `isClear`: and nothing got lost. */
    passed: (ms: number, looks: number, { isUp, isClear }: { isUp: boolean; isClear: boolean }): void => {
      const longer = (span: Span): Span => ({ ms: span.ms + ms, looks: span.looks + looks })
      lastLooks = looks
      if (isUp) up = longer(up)
      if (isUp && isClear) clear = longer(clear)
      else {
        clear = { ms: 0, looks: 0 }
        stretch++
      }
    },
    acknowledged: (commandId: string): void => {
      unanswered.set(commandId, now())
    },
    check: (): string[] => {
      for (const { paymentHash } of node.settlements.slice(settlementsSeen)) unbooked.set(paymentHash, now())
      settlementsSeen = node.settlements.length
      for (const invoice of node.accepted.slice(acceptedSeen)) waiting.set(invoice, now())
      acceptedSeen = node.accepted.length
      const isLate = (since: Since) => hasPassed(answeredWithin, since.up, up, { ms: 0, looks: 0 })
      return [
        ...overdue(unbooked, isSwept, isBooked).map(hash => `every paid invoice ends: ${hash} is paid and not booked`),
        ...unattended(),
        ...overdue(unanswered, isLate, id => clients.sent.get(id)?.result !== null).map(
          id => `one result per command: ${id} has none`,
        ),
      ]
    },
  }
}
