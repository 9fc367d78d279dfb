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
    if (isOpen) reservedMsat += row.creditMsat
    if (row.coupon === null || !(isOpen || row.status === 'fulfilled')) continue
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

  const balances = new Map<string, number>()
  for (const {
    key: [id],
    row,
  } of rows(tables.postings)) {
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
  const receivedMsat = invoices.reduce((sum, { row }) => sum + (row.receivedMsat ?? 0), 0)
  const withdrawals = rows(tables.withdrawals)
  let [paidMsat, payingMsat] = [0, 0]
  for (const { key, row } of withdrawals) {
    byAccount.push(`${row.account} withdrawal ${row.createdAt} ${key[0]}`)
    if (row.status === 'paid') paidMsat += row.amountMsat + (row.feeMsat ?? 0)
    if (row.status === 'paying') payingMsat += row.amountMsat + row.maxFeeMsat
  }
  if ((balances.get('wallet') ?? 0) + receivedMsat !== paidMsat)
    found.push('the wallet and what went through it disagree')
  if ((balances.get('reserved') ?? 0) !== reservedMsat) found.push('what is set aside for orders is miscounted')
  if ((balances.get('withdrawals') ?? 0) !== payingMsat) found.push('what is on its way out is miscounted')
  same(
    'payments under way',
    rows(tables.jobs)
      .filter(({ row }) => row.type === 'pay-invoice')
      .map(({ row }) => (row.payload as { withdrawalId: string }).withdrawalId),
    withdrawals.filter(({ row }) => row.status === 'paying').map(({ key }) => key[0]),
  )

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
