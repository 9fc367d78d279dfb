import { wholeSatoshis } from '../../../src/domain/billing/credit.ts'
import { formatIdentifier } from '../../../src/protocol/names.ts'
import type { Environment } from '../../../src/store/environment.ts'
import type { KeyPart } from '../../../src/store/key.ts'
import type { Table } from '../../../src/store/table.ts'
import { tables } from '../../../src/store/tables.ts'

/** Everything in the tables that contradicts something else in them, as sentences. */
export function contradictions(environment: Environment): string[] {
  const rows = <Parts extends readonly KeyPart[], Row>(table: Table<Parts, Row>) => environment.reader.range(table, [])
  const keysOf = <Parts extends readonly KeyPart[], Row>(table: Table<Parts, Row>) =>
    rows(table).map(({ key }) => key.join(' '))
  const found: string[] = []
  const same = (what: string, actual: readonly string[], expected: readonly string[]) => {
    const [left, right] = [[...actual].sort().join('\n'), [...expected].sort().join('\n')]
    if (left !== right) found.push(`${what}:\n${left}\nshould be\n${right}`)
  }

  const names = rows(tables.identifiers)
  // Those in grace come last, so that whether one is active takes one look.
  const byAccount = names.map(
    ({ key: [domain, name], row }) => `${row.owner} identifier ${row.status === 'active' ? 0 : 1} ${name}@${domain}`,
  )
  const isTaken = new Set(names.map(({ key }) => key.join(' ')))
  for (const key of keysOf(tables.released)) if (isTaken.has(key)) found.push(`${key} is released and taken`)
  const due = new Set(keysOf(tables.due))
  for (const {
    key: [domain, name],
    row,
  } of names) {
    const full = formatIdentifier({ name, domain })
    const isScheduled =
      row.status === 'active'
        ? due.has(`${row.expiresAt} identifier-expiry ${full}`) ||
          [...due].some(one => one.endsWith(` identifier-notice ${full}`))
        : [...due].some(one => one.endsWith(` identifier-release ${full}`))
    if (!isScheduled) found.push(`nothing is due for ${full}, which is ${row.status}`)
  }

  const orders = new Map(rows(tables.orders).map(({ key, row }) => [key[0], row]))
  for (const [id, row] of orders) byAccount.push(`${row.account} order ${row.createdAt} ${id}`)
  const counts = new Map<string, number>()
  for (const { key, row } of rows(tables.holds)) {
    const order = orders.get(row.orderId)
    const isOpen = row.unpaid ? order?.status === 'held' || order?.status === 'invoiced' : order?.status === 'accepted'
    if (!isOpen || order?.account !== row.account) found.push(`${key.join(' ')} is held for no open order`)
    for (const counted of row.unpaid ? [row.account, 'total'] : []) counts.set(counted, (counts.get(counted) ?? 0) + 1)
  }
  same(
    'hold counts',
    rows(tables.holdCounts).map(({ key, row }) => `${key[0]} ${row.count}`),
    [...counts].map(one => one.join(' ')),
  )
  for (const {
    key: [domain, name],
    row,
  } of rows(tables.lapsedHolds)) {
    if (!due.has(`${row.until} lapsed-hold-end ${formatIdentifier({ name, domain })}`))
      found.push(`${name} lapsed for ever`)
  }

  for (const { key, row } of rows(tables.domains)) {
    if (row.fiat !== null && row.basePriceMsat + row.pricePerCharMsat > 0) found.push(`${key[0]} is priced twice`)
  }

  const invoices = rows(tables.invoices)
  same(
    'invoices by hash',
    rows(tables.invoicesByHash).map(({ key, row }) => `${key[0]} ${row.invoiceId}`),
    invoices.filter(({ row }) => row.paymentHash !== null).map(({ key, row }) => `${row.paymentHash} ${key[0]}`),
  )
  same(
    'unsettled invoices',
    keysOf(tables.unsettledInvoices),
    invoices
      .filter(({ row }) => row.expiresAt !== null && row.status !== 'settled' && row.status !== 'cancelled')
      .map(({ key, row }) => `${row.expiresAt} ${key[0]}`),
  )
  same(
    'jobs for invoices',
    rows(tables.jobs)
      .filter(({ row }) => row.type === 'create-invoice')
      .map(({ row }) => (row.payload as { invoiceId: string }).invoiceId),
    invoices.filter(({ row }) => row.status === 'requested').map(({ key }) => key[0]),
  )

  const invoiceOf = new Map(invoices.map(({ key, row }) => [key[0], row]))
  for (const [id, { status, invoiceId, creditMsat }] of orders) {
    const own = invoiceOf.get(invoiceId ?? '')
    const isLive = status === 'held' || status === 'invoiced' || status === 'accepted'
    if (isLive && (own?.orderId !== id || own.creditMsat !== creditMsat))
      found.push(`${creditMsat} are set aside for ${id}, and ${own?.creditMsat} beside its invoice`)
    if (!isLive || own?.status !== 'requested' || own.replaces === null) continue
    const { commandId } = own.replaces
    if (!environment.reader.has(tables.pendingCommands, [commandId])) found.push(`nobody waits for ${invoiceId}`)
    if (![...due].some(one => one.endsWith(` invoice-deadline ${invoiceId}`)))
      found.push(`${invoiceId} is waited for without end`)
  }
  for (const { key, row } of invoices) {
    const ownId = orders.get(row.orderId)?.invoiceId ?? ''
    const own = invoiceOf.get(ownId)
    const isLeft = own?.status === 'requested' && own.replaces?.invoiceId === key[0]
    if (row.status === 'open' && ownId !== key[0] && !isLeft) found.push(`${key[0]} is open beside ${ownId}`)
  }

  const referrals = rows(tables.referrals)
  same(
    'referrers',
    rows(tables.referrers).map(({ key, row: { pending, converted, earnedMsat } }) =>
      [key[0], pending, converted, earnedMsat].join(' '),
    ),
    rows(tables.referrers).map(({ key: [referrer] }) => {
      const theirs = referrals.filter(({ row }) => row.referrer === referrer).map(({ row }) => row)
      const converted = theirs.filter(({ status }) => status === 'converted')
      const earnedMsat = converted.reduce((sum, { rewardMsat }) => sum + rewardMsat, 0)
      return [referrer, theirs.length - converted.length, converted.length, earnedMsat].join(' ')
    }),
  )
  for (const { key, row } of referrals) {
    const hasBought = environment.reader.has(tables.buyers, [key[0]])
    if (hasBought !== (row.status === 'converted')) found.push(`the referral of ${key[0]} is ${row.status}`)
  }

  const uses = new Map<string, number>()
  let reservedMsat = 0
  for (const row of orders.values()) {
    const isOpen = row.status === 'held' || row.status === 'invoiced' || row.status === 'accepted'
    if ((row.status === 'fulfilled' || row.status === 'refunded') !== (row.fulfilledAt !== null))
      found.push(`${row.status} since ${row.fulfilledAt}`)
    const receivedMsat = invoices.find(({ key }) => key[0] === row.invoiceId)?.row.receivedMsat ?? 0
    if (row.invoicedMsat > Math.min(receivedMsat, row.totalMsat)) found.push(`${row.invoicedMsat} came by no invoice`)
    for (const { fiat, amountMsat } of row.items.flatMap(({ lines }) => lines)) {
      const rate = row.rates.find(({ currency }) => currency === fiat?.currency)
      if (fiat === null || rate === undefined) continue
      const exactMsat = (fiat.amountMinor / 100 / Number(rate.perBitcoin)) * 1e11
      if (Math.abs(amountMsat - exactMsat) > 1 + exactMsat / 1e12) found.push(`${amountMsat} is not ${exactMsat}`)
      if (rate.observedAt > row.createdAt) found.push(`an order has a rate of ${rate.observedAt}`)
    }
    const priced = row.items
      .flatMap(({ lines }) => lines)
      .filter(({ fiat, amountMsat }) => fiat !== null && amountMsat > 0)
    same(
      'the rates of an order',
      row.rates.map(({ currency }) => currency),
      [...new Set(priced.map(({ fiat }) => fiat?.currency ?? ''))],
    )
    if (isOpen) reservedMsat += row.creditMsat
    // What was handed over stays handed over, and so does what it was had for.
    const isUsed = row.status === 'accepted' || row.status === 'fulfilled' || row.status === 'refunded'
    if (row.coupon === null || !isUsed) continue
    for (const by of ['', row.account]) uses.set(`${row.coupon} ${by}`, (uses.get(`${row.coupon} ${by}`) ?? 0) + 1)
  }
  same(
    'uses of coupons',
    rows(tables.couponUses).map(({ key, row }) => `${key.join(' ')} ${row.count}`),
    [...uses].map(one => one.join(' ')),
  )

  const ending = rows(tables.jobs).filter(({ row }) => row.type === 'settle-hold' || row.type === 'cancel-hold')
  const isEnding = new Set(ending.map(({ row }) => (row.payload as { invoiceId: string }).invoiceId))
  for (const { key, row } of invoices) {
    if (row.status === 'accepted' && !isEnding.has(key[0])) found.push(`the payment of ${key[0]} waits for ever`)
  }

  const earned = new Map<string, number>()
  const balances = new Map<string, number>()
  for (const {
    key: [id],
    row,
  } of rows(tables.postings)) {
    const { orderId, amountMsat } = row
    if (orderId !== null && row.reason.startsWith('sale:')) earned.set(orderId, (earned.get(orderId) ?? 0) + amountMsat)
    if (orderId !== null && row.reason.startsWith('refund:'))
      earned.set(orderId, (earned.get(orderId) ?? 0) - amountMsat)
    balances.set(row.debit, (balances.get(row.debit) ?? 0) - row.amountMsat)
    balances.set(row.credit, (balances.get(row.credit) ?? 0) + row.amountMsat)
    for (const account of [row.debit, row.credit]) {
      if (account.startsWith('customer:')) byAccount.push(`${account.slice(9)} posting ${row.time} ${id}`)
    }
  }
  same(
    'balances',
    rows(tables.balances).map(({ key, row }) => `${key[0]} ${row.msat}`),
    [...balances].map(one => one.join(' ')),
  )
  const totalMsat = [...balances.values()].reduce((sum, one) => sum + one, 0)
  if (totalMsat !== 0) found.push(`the ledger sums to ${totalMsat}`)
  for (const [account, msat] of balances) {
    if (account.startsWith('customer:') && msat < 0) found.push(`${account} has ${msat}`)
  }
  for (const [id, { status, items }] of orders) {
    const priceMsat = items.reduce((sum, one) => sum + (one.sellable === 'top-up' ? 0 : one.totalMsat), 0)
    const expectedMsat = status === 'fulfilled' ? priceMsat : 0
    if ((earned.get(id) ?? 0) !== expectedMsat) found.push(`${id} is ${status} and has brought ${earned.get(id)}`)
  }
  const receivedMsat = invoices.reduce((sum, { row }) => sum + (row.receivedMsat ?? 0), 0)
  const withdrawals = rows(tables.withdrawals)
  let [paidMsat, payingMsat] = [0, 0]
  for (const { key, row } of withdrawals) {
    byAccount.push(`${row.account} withdrawal ${row.createdAt} ${key[0]}`)
    if (row.status === 'paid') paidMsat += row.amountMsat + (row.feeMsat ?? 0)
    if (row.status === 'paying' || row.status === 'resolving') payingMsat += row.amountMsat + row.maxFeeMsat
    if (row.orderId !== null && orders.get(row.orderId)?.refundTo !== row.lightningAddress)
      found.push(`the refund ${key[0]} goes where its order does not say`)
  }
  if ((balances.get('wallet') ?? 0) + receivedMsat !== paidMsat)
    found.push('the wallet and what went through it disagree')
  if ((balances.get('reserved') ?? 0) !== reservedMsat) found.push('what is set aside for orders is miscounted')
  if ((balances.get('withdrawals') ?? 0) !== payingMsat) found.push('what is on its way out is miscounted')
  for (const [type, status] of [
    ['resolve-address', 'resolving'],
    ['pay-invoice', 'paying'],
  ] as const) {
    same(
      `withdrawals that are ${status}`,
      rows(tables.jobs)
        .filter(({ row }) => row.type === type)
        .map(({ row }) => (row.payload as { withdrawalId: string }).withdrawalId),
      withdrawals.filter(({ row }) => row.status === status).map(({ key }) => key[0]),
    )
  }
  const underWay = new Map<string, { withdrawals: number; byWallet: number }>()
  const countUnderWay = (account: string, kind: 'withdrawals' | 'byWallet') => {
    const counted = underWay.get(account) ?? { withdrawals: 0, byWallet: 0 }
    underWay.set(account, { ...counted, [kind]: counted[kind] + 1 })
  }
  for (const { row } of withdrawals) {
    if (row.status === 'paying' || row.status === 'resolving') countUnderWay(row.account, 'withdrawals')
  }
  for (const { row } of rows(tables.walletPayments)) {
    if (row.status === 'paying') countUnderWay(row.account, 'byWallet')
  }
  same(
    'payments under way',
    rows(tables.paymentCounts).map(({ key, row }) => `${key[0]} ${row.withdrawals} ${row.byWallet}`),
    [...underWay].map(([account, { withdrawals: out, byWallet }]) => `${account} ${out} ${byWallet}`),
  )
  const withInvoice = withdrawals.filter(({ row }) => row.paymentHash !== null)
  same(
    'invoices that are paid, or being paid',
    withInvoice.filter(({ row }) => row.status !== 'failed').map(({ row }) => row.paymentHash ?? ''),
    rows(tables.withdrawalsByHash)
      .filter(({ row }) => environment.reader.get(tables.withdrawals, [row.withdrawalId])?.status !== 'failed')
      .map(({ key }) => key[0]),
  )

  const isAsked = new Set<string>()
  for (const { row } of rows(tables.jobs)) {
    if (row.type === 'pay-by-wallet') isAsked.add((row.payload as { invoiceId: string }).invoiceId)
  }
  for (const { key, row } of rows(tables.walletPayments)) {
    const invoice = environment.reader.get(tables.invoices, key)
    if (invoice?.account !== row.account) found.push(`a wallet of another is to pay ${key[0]}`)
    if (row.status === 'paying' && !isAsked.has(key[0])) found.push(`a wallet pays ${key[0]} for ever`)
    if ((row.status === 'paid') !== (invoice?.status === 'settled'))
      found.push(`what a wallet paid of ${key[0]} is wrong`)
    if (row.status === 'planned' && invoice?.status !== 'requested') found.push(`${key[0]} is to be paid for ever`)
  }
  for (const {
    key: [account, handle],
    row: { since, usedMsat },
  } of rows(tables.walletBudgets)) {
    let countedMsat = 0
    for (const { key, row } of rows(tables.walletPayments)) {
      if (row.account !== account || row.handle !== handle || row.budgetSince !== since) continue
      if (row.status !== 'failed')
        countedMsat += wholeSatoshis(environment.reader.get(tables.invoices, key)?.amountMsat ?? 0)
    }
    // What became of a payment that its owner had made by hand then is not asked, and it counts.
    if (usedMsat < countedMsat) found.push(`${usedMsat} of the budget of ${handle} are used, and ${countedMsat} spent`)
  }
  for (const { key, row } of rows(tables.renewals)) {
    const [domain, name] = key
    const full = formatIdentifier({ name, domain })
    byAccount.push(`${row.owner} renewal 0 ${full}`)
    if (environment.reader.get(tables.identifiers, key)?.owner !== row.owner)
      found.push(`${full} is renewed for nobody`)
    if (!due.has(`${row.nextTryAt} renewal-try ${full}`)) found.push(`${full} is never renewed`)
  }
  for (const { key, row } of rows(tables.renewalOrders)) {
    if (!environment.reader.has(tables.identifiers, key)) found.push(`${key[1]} is renewed, and nobody's`)
    const item = environment.reader.get(tables.orders, [row.orderId])?.items[0]
    if (item?.sellable !== 'identifier-renewal') found.push(`${row.orderId} renews nothing`)
  }

  const tickets = rows(tables.tickets)
  for (const { key, row } of tickets) byAccount.push(`${row.account} ticket ${row.createdAt} ${key[0]}`)
  same('what accounts have', keysOf(tables.byAccount), byAccount)
  same(
    'tickets by status',
    keysOf(tables.ticketsByStatus),
    tickets.map(({ key, row }) => `${row.status} ${row.number} ${key[0]}`),
  )
  const messages = tickets.flatMap(({ key, row }) =>
    Array.from({ length: row.messages }, (_, index) => `${key[0]} ${index}`),
  )
  same('ticket messages', keysOf(tables.ticketMessages), messages)

  const pending = rows(tables.outcomes)
    .filter(({ row }) => row.status === 'pending')
    .map(({ key }) => key[0])
  same('pending commands', keysOf(tables.pendingCommands), pending)
  const refusals = rows(tables.refusals)
  same(
    'refusals by expiry',
    keysOf(tables.refusalsByExpiry),
    refusals.map(({ key, row }) => `${row.expiresAt} ${key[0]}`),
  )
  if ((environment.reader.get(tables.local, ['refusals'])?.value ?? 0) !== refusals.length)
    found.push('refusals are miscounted')
  return found
}
