import type { Books } from './books.ts'

/** Everything in the books that must not be, as sentences; nothing was lost when there are none. */
export function violations(books: Books): string[] {
  return [...lostResults(books), ...lostPayments(books), ...wrongOwners(books), ...wrongLedger(books)]
}

/** Every acknowledged or logged command has exactly one result, the one that its sender got. */
function lostResults({ sent, logged, results }: Books): string[] {
  const byCommand = groupBy(results, result => result.commandId)
  const acknowledged = sent.filter(({ accepted }) => accepted).map(({ id }) => id)
  const found: string[] = []
  for (const id of new Set([...acknowledged, ...logged])) {
    const count = byCommand.get(id)?.length ?? 0
    if (count !== 1) found.push(`command ${id} has ${count} results`)
  }
  for (const { id, resultId } of sent) {
    const stored = byCommand.get(id)?.[0]?.id
    if (resultId !== null && stored !== resultId) found.push(`command ${id} was answered with another result`)
  }
  const known = new Set(sent.map(({ id }) => id))
  for (const id of byCommand.keys()) if (!known.has(id)) found.push(`a result is about ${id}, which nobody sent`)
  for (const id of logged) if (!known.has(id)) found.push(`command ${id} is in the log, but nobody sent it`)
  return found
}

/** Everything that the wallet received is booked once, and bought what it was for or is on the balance. */
function lostPayments({ settlements, invoices, orders, postings }: Books): string[] {
  const found: string[] = []
  const ordersById = new Map(orders.map(order => [order.id, order]))
  const received = groupBy(
    postings.filter(({ reason }) => reason === 'settlement'),
    posting => posting.orderId ?? '',
  )
  for (const { paymentHash, receivedMsat } of settlements) {
    const invoice = invoices.find(one => one.paymentHash === paymentHash)
    const order = ordersById.get(invoice?.orderId ?? '')
    if (invoice === undefined || order === undefined) {
      found.push(`payment ${paymentHash} belongs to no order`)
      continue
    }
    const booked = received.get(order.id) ?? []
    const isRight = booked.length === 1 && booked[0]?.amountMsat === receivedMsat
    if (!isRight || booked[0]?.credit !== `customer:${invoice.account}`) {
      found.push(`payment ${paymentHash} is booked ${booked.length} times or as something else`)
    }
    if (invoice.status !== 'settled') found.push(`payment ${paymentHash} left its invoice ${invoice.status}`)
    const isDone = order.status === 'fulfilled' || order.status === 'credited'
    if (!isDone && receivedMsat >= order.totalMsat) found.push(`order ${order.id} is paid and ${order.status}`)
  }
  const paid = new Set(settlements.map(({ paymentHash }) => paymentHash))
  for (const { id, status, paymentHash } of invoices) {
    if (status === 'settled' && !paid.has(paymentHash ?? '')) found.push(`invoice ${id} was never paid`)
  }
  return found
}

/** Every name has been sold once, and belongs to who bought it. */
function wrongOwners({ orders, owners, ownersByIndex }: Books): string[] {
  const sold: string[] = []
  for (const { status, account, items } of orders) {
    if (status !== 'fulfilled') continue
    for (const { sellable, params } of items) {
      if (sellable === 'identifier') sold.push(`${(params as { identifier: string }).identifier} of ${account}`)
    }
  }
  const owned = owners.map(({ identifier, owner }) => `${identifier} of ${owner}`).sort()
  const listed = ownersByIndex.map(({ identifier, owner }) => `${identifier} of ${owner}`).sort()
  const found: string[] = []
  if (sold.sort().join() !== owned.join()) found.push(`sold is ${differing(sold, owned)}, owned is not`)
  if (listed.join() !== owned.join()) found.push(`listed is ${differing(listed, owned)}, owned is not`)
  return found
}

/** Balances follow from the postings, add up to zero, and no customer owes us. */
function wrongLedger({ settlements, postings, balances }: Books): string[] {
  const derived = new Map<string, number>()
  for (const { debit, credit, amountMsat } of postings) {
    derived.set(debit, (derived.get(debit) ?? 0) - amountMsat)
    derived.set(credit, (derived.get(credit) ?? 0) + amountMsat)
  }
  const found: string[] = []
  let sumMsat = 0
  for (const { account, msat } of balances) {
    sumMsat += msat
    if (derived.get(account) !== msat) found.push(`the balance of ${account} is not what was posted`)
    if (msat < 0 && account.startsWith('customer:')) found.push(`${account} is overdrawn`)
  }
  if (derived.size !== balances.length) found.push('an account with postings has no balance')
  if (sumMsat !== 0) found.push(`the ledger adds up to ${sumMsat}`)
  const receivedMsat = settlements.reduce((sum, settlement) => sum + settlement.receivedMsat, 0)
  if ((derived.get('wallet') ?? 0) !== -receivedMsat) found.push('the wallet account is not what the wallet received')
  return found
}

function groupBy<Value>(values: readonly Value[], keyOf: (value: Value) => string): Map<string, Value[]> {
  const groups = new Map<string, Value[]>()
  for (const value of values) {
    const group = groups.get(keyOf(value)) ?? []
    group.push(value)
    groups.set(keyOf(value), group)
  }
  return groups
}

/** The first entry of one sorted list that the other does not have in the same place. */
function differing(one: readonly string[], other: readonly string[]): string {
  return one.find((entry, index) => entry !== other[index]) ?? `only ${one.length} names`
}
