import { tables } from '../../src/store/tables.ts'
import type { Reader } from '../../src/store/transaction.ts'
import type { RowChange } from './journal.ts'
import { changesOf } from './ledger-watch.ts'
import { type Market, maxRateAgeSeconds } from './market.ts'
import type { Node } from './wallet/node.ts'

const yearSeconds = 365 * 86_400

/** Which status an order may have after which; in one commit it may have several. */
const orderWays: Readonly<Record<string, readonly string[]>> = {
  held: ['invoiced', 'fulfilled', 'refunded', 'expired', 'cancelled'],
  invoiced: ['accepted', 'fulfilled', 'refunded', 'credited', 'expired', 'cancelled'],
  accepted: ['fulfilled', 'refunded', 'credited', 'expired'],
  expired: ['accepted', 'fulfilled', 'refunded', 'credited', 'cancelled'],
  fulfilled: ['refunded'],
  refunded: [],
  credited: [],
  cancelled: [],
}

/** Which status a withdrawal may have after which. */
const withdrawalWays: Readonly<Record<string, readonly string[]>> = {
  none: ['resolving', 'paying'],
  resolving: ['paying', 'failed'],
  paying: ['paid', 'failed'],
}

function isHandedOver({ status }: { status: string }): boolean {
  return status === 'fulfilled' || status === 'refunded'
}

/** What is compared with what was committed; `decided`: of which withdrawals an operator has said what became of them. */
type Surroundings = { node: Node; market: Market; reader: Reader; decided: ReadonlySet<string> }

/** Says of every commit what cannot be true: of names and their owners, orders, invoices, payments and results. */
export function watchBusiness(
  changes: readonly RowChange[],
  { node, market, reader, decided }: Surroundings,
): string[] {
  const found: string[] = []
  const orders = changesOf(changes, tables.orders)
  /** What the orders of this commit hand over: names to owners, and years to names. */
  const soldTo = new Map<string, string[]>()
  const years = new Map<string, number>()
  for (const { key, before, after } of orders) {
    if (after === undefined) {
      found.push(`order ${key[0]} is gone`)
      continue
    }
    if (before !== undefined && before.status !== after.status && !orderWays[before.status]?.includes(after.status)) {
      found.push(`order ${key[0]} was ${before.status} and is ${after.status}`)
    }
    if (before === undefined) {
      for (const { perBitcoin, observedAt } of after.rates) {
        const isOld = after.createdAt - observedAt > maxRateAgeSeconds
        if (isOld || !market.wasTrue(perBitcoin)) found.push(`the price of its moment: ${key[0]} has ${perBitcoin}`)
      }
    }
    if (!isHandedOver(after) || (before !== undefined && isHandedOver(before))) continue
    const invoice = after.invoiceId === null ? undefined : reader.get(tables.invoices, [after.invoiceId])
    const truth = node.incoming.get(invoice?.paymentHash ?? '')
    if ((before?.status === 'accepted' || after.invoicedMsat > 0) && truth?.status !== 'settled') {
      found.push(`every paid invoice ends: order ${key[0]} is fulfilled by a payment that is ${truth?.status}`)
    }
    for (const { sellable, params } of after.items) {
      const { identifier, years: term } = params as { identifier: string; years: number }
      if (sellable === 'identifier') soldTo.set(identifier, [...(soldTo.get(identifier) ?? []), after.account])
      if (sellable === 'identifier-renewal') years.set(identifier, (years.get(identifier) ?? 0) + term)
    }
  }

  for (const { key, before, after } of changesOf(changes, tables.identifiers)) {
    const name = `${key[1]}@${key[0]}`
    const sold = soldTo.get(name) ?? []
    soldTo.delete(name)
    if (before === undefined && after !== undefined) {
      if (sold.length !== 1 || sold[0] !== after.owner) found.push(`one owner: ${name} was sold to ${sold.length}`)
    } else if (before !== undefined && after === undefined) {
      if (before.status !== 'grace') found.push(`one owner: ${name} was taken from its owner while ${before.status}`)
    } else if (before !== undefined && after !== undefined) {
      if (before.owner !== after.owner && sold.length !== 1) found.push(`one owner: ${name} changed hands`)
      if (before.status !== 'grace' && sold.length > 0) found.push(`one owner: ${name} was sold again`)
      const wanted = before.expiresAt + (years.get(name) ?? 0) * yearSeconds
      if (before.since === after.since && after.expiresAt !== wanted) {
        found.push(`paid at most once: ${name} was paid until ${wanted} and runs until ${after.expiresAt}`)
      }
    }
  }
  for (const name of soldTo.keys()) found.push(`one owner: ${name} was sold and is not there`)

  for (const { key, before, after } of changesOf(changes, tables.invoices)) {
    if (after === undefined || (before?.paymentHash && before.paymentHash !== after.paymentHash)) {
      found.push(`invoice ${key[0]} has forgotten its hash`)
    }
    if (before?.status === 'settled' && after?.status !== 'settled') found.push(`invoice ${key[0]} is unsettled again`)
    if (after?.status !== 'cancelled' || before?.status === 'cancelled') continue
    const truth = node.incoming.get(after.paymentHash ?? '')?.status
    if (truth !== 'cancelled') found.push(`every paid invoice ends: ${key[0]} is given up, in truth ${truth}`)
  }

  for (const { key, before, after } of changesOf(changes, tables.withdrawals)) {
    const [id] = key
    const asked = node.askedTimes.get(String(id)) ?? 0
    if (asked > 1) found.push(`a refund is paid at most once: the wallet was asked ${asked} times for ${id}`)
    if (after === undefined || !withdrawalWays[before?.status ?? 'none']?.includes(after.status)) {
      found.push(`withdrawal ${id} was ${before?.status} and is ${after?.status}`)
      continue
    }
    if (after.status === 'resolving' || after.status === 'paying') continue
    const payment = node.outgoing.get(String(id))
    const truth = payment?.status ?? 'failed'
    if (truth !== after.status)
      found.push(`unknown is not failed: withdrawal ${id} is ${after.status}, in truth ${truth}`)
    if (payment !== undefined && payment.maxFeeMsat !== after.maxFeeMsat) {
      found.push(`the limit of a fee: ${payment.maxFeeMsat} was told for ${id}, which has ${after.maxFeeMsat}`)
    }
    const neverTold = payment === undefined ? isAskedInVain(String(id), reader, node) : payment.kept !== 'told'
    if (neverTold && !decided.has(String(id))) {
      found.push(`unknown is not failed: that withdrawal ${id} is ${after.status} is a guess`)
    }
  }

  // A wallet that said that it did not pay, and did, has spent what it has.
  const hasLied = changesOf(changes, tables.walletPayments).some(
    ({ before, after }) => before?.status === 'failed' && after?.status === 'paid',
  )
  for (const { key, before, after } of changesOf(changes, tables.walletBudgets)) {
    if (after === undefined || hasLied || after.usedMsat <= (before?.usedMsat ?? 0)) continue
    if (after.usedMsat > after.budgetMsat) found.push(`within the budget: wallet ${key[1]} renews for more`)
  }

  for (const { key, before, after } of changesOf(changes, tables.outcomes)) {
    const isFinal = before !== undefined && before.status !== 'pending'
    if (after === undefined || (isFinal && before.status !== after.status)) {
      found.push(`one result per command: ${key[0]} was ${before?.status} and is ${after?.status}`)
    }
  }
  return found
}

/** Whether a wallet was to be asked that never heard of it, and does not know that it never did. */
function isAskedInVain(withdrawalId: string, reader: Reader, { abilities }: Node): boolean {
  return !abilities.knowsItsPayments && reader.has(tables.askedPayments, [withdrawalId])
}
