import { tables } from '../../src/store/tables.ts'
import type { Reader } from '../../src/store/transaction.ts'
import type { RowChange } from './journal.ts'
import { changesOf } from './ledger-watch.ts'
import type { Node } from './wallet/node.ts'

/** How long the service waits for news of what the wallet had when it was asked. */
const heardWithinSeconds = 900

/** What the service says of the difference between the wallet and the ledger, against what nobody has booked in truth. */
export function createReconcileWatch(options: { node: Node; reader: Reader; nowMs(): number }) {
  const { node, reader, nowMs } = options
  const beganMsat = node.balanceMsat()
  /** What so many payments cost over the limit is not booked until it is known: of that the ledger has not set anything aside. */
  const overspentBy = (paymentCount: number) => {
    let msat = 0
    for (const { id, feeMsat } of node.payments.slice(0, paymentCount)) {
      const row = reader.get(tables.withdrawals, [id])
      if (row?.status === 'paying') msat += Math.max(0, feeMsat - row.maxFeeMsat)
    }
    return msat
  }
  /** What came so long ago should have been booked: a difference of it is one. */
  const overdueMsat = () => {
    const heardBy = nowMs() / 1_000 - heardWithinSeconds
    let msat = 0
    for (const { paymentHash, receivedMsat, at } of node.settlements) {
      const id = at > heardBy ? undefined : reader.get(tables.invoicesByHash, [paymentHash])?.invoiceId
      if (id !== undefined && reader.get(tables.invoices, [id])?.status !== 'settled') msat += receivedMsat
    }
    return msat
  }
  /** Of what had been paid when the wallet was asked; a later payment is no reason for a difference. */
  let overspentMsat = 0
  const trueMsat = () => beganMsat + node.behindMsat() - overspentMsat + overdueMsat()
  /** What nobody booked, and since when, as far back as operators have been told of nothing. */
  let truths = [{ msat: beganMsat, sinceMs: nowMs() }]
  /** By the time of a report, what it was made of. */
  const before = new Map<string, typeof truths>()

  const look = () => {
    if (truths.at(-1)?.msat !== trueMsat()) truths.push({ msat: trueMsat(), sinceMs: nowMs() })
  }

  /** A change was reported: only what came after the wallet was asked can be the reason of another. */
  const reported = (time: string, askedAtMs: number) => {
    before.set(time, truths)
    truths = truths.filter((_, index) => (truths[index + 1]?.sinceMs ?? nowMs()) >= askedAtMs)
  }

  return {
    changed: (changes: readonly RowChange[], isForgotten: boolean): string[] => {
      const found: string[] = []
      for (const { key, before: was, after } of changesOf(changes, tables.reconciliations)) {
        const time = String(key[1])
        const asked = node.readings.find(({ msat }) => msat === after?.balanceMsat)
        if (asked !== undefined) overspentMsat = overspentBy(asked.paymentCount)
        look()
        if (isForgotten) truths = [...(before.get(time) ?? []), ...truths]
        else if (after === undefined || was !== undefined) found.push(`the comparison of ${time} was changed`)
        else if (after.changeMsat !== 0) {
          if (truths.every(({ msat }) => msat === truths[0]?.msat)) {
            found.push(`the wallet and the books: a difference of ${after.changeMsat} is reported that is none`)
          }
          reported(time, asked?.atMs ?? 0)
        }
        if (!isForgotten) node.readings.length = 0
      }
      return found
    },
    /** Money came or went behind the service's back. */
    moved: look,
    /** With nothing under way, the last comparison has to be exact, as far as the wallet's own counting is. */
    end: (): string[] => {
      overspentMsat = overspentBy(node.payments.length)
      const last = reader.range(tables.reconciliations, [], { limit: 1, reverse: true })[0]?.row
      const { unbookedMinMsat: min = Number.NaN, unbookedMaxMsat: max = Number.NaN } = last ?? {}
      const leftOutMsat = node.abilities.resolutionMsat - 1
      const isNear = [min, max].every(msat => Math.abs(msat - trueMsat()) <= leftOutMsat)
      if (isNear && max - min <= leftOutMsat) return []
      const said = `${min} to ${max}`
      return [`the wallet and the books: nobody booked ${trueMsat()}, said to be ${said}`]
    },
  }
}
