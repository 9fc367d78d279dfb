import { createHash } from 'node:crypto'
import { signInvoice } from '../../src/adapters/lightning/dev-wallet/sign-invoice.ts'
import { holdEnded as holdEndedFact, invoiceAccepted } from '../../src/domain/billing/hold-facts.ts'
import {
  invoiceCreated,
  invoiceFailed,
  invoiceLookedUp,
  invoiceSettled,
} from '../../src/domain/billing/invoice-facts.ts'
import { walletAnswered } from '../../src/domain/billing/invoice-pay.ts'
import { rateObserved } from '../../src/domain/billing/rates.ts'
import { walletReconciled } from '../../src/domain/billing/reconcile.ts'
import { paymentEnded, withdrawalResolved, withdrawalUnresolved } from '../../src/domain/billing/withdraw-facts.ts'
import { clockAdvance } from '../../src/domain/clock.ts'
import { deriveRef } from '../../src/domain/context.ts'
import { configApplied } from '../../src/domain/settings.ts'
import type { AppendFact } from '../../src/pipeline/facts.ts'
import { keyOf, operator, staff, testSettings } from '../src/service.ts'

const alice = keyOf(2)
const bob = keyOf(3)
const year = 365 * 86_400
const sha256 = (hex: string) => createHash('sha256').update(Buffer.from(hex, 'hex')).digest('hex')

const tenth = {
  code: 'TENTH',
  percent: 10,
  amountMsat: null,
  validFrom: 0,
  validUntil: 2 ** 40,
  maxUses: 5,
  usesPerAccount: 1,
  items: ['identifier'],
}

/** An invoice of a node that has nothing to do with the service. */
function outsideInvoice(amountMsat: number, timestamp: number): string {
  const secrets = { paymentHash: sha256(amountMsat.toString(16).padStart(8, '0')), paymentSecret: 'bb'.repeat(32) }
  return signInvoice({ ...secrets, amountMsat, description: '', timestamp, expirySeconds: 600 }, Buffer.alloc(32, 9))
}

/** What the play is performed on: a clock to set, and a way in for commands and facts. */
export type Stage = {
  clock: { time: number }
  /** Sends a command and gives its id. */
  send(by: typeof operator, method: string, params: object): string
  appendFact: AppendFact
}

/** A few years of a small service, in which every method is used and most outcomes come about. Always the same. */
export async function play({ clock, appendFact, ...stage }: Stage): Promise<void> {
  const sentAt = new Map<string, number>()
  const send: Stage['send'] = (by, method, params) => {
    const commandId = stage.send(by, method, params)
    sentAt.set(commandId, clock.time)
    return commandId
  }
  const refOf = (commandId: string, label: string) => deriveRef({ time: sentAt.get(commandId) ?? 0, commandId }, label)
  const config = (settings: object, key: string) =>
    appendFact({ method: configApplied, params: { settings }, dedupeKey: `config:${key}` })
  const advance = (seconds: number) => {
    clock.time += seconds
    return appendFact({ method: clockAdvance, params: { to: clock.time }, dedupeKey: `clock:${clock.time}` })
  }
  const invoiceOf = (commandId: string) => {
    const invoiceId = refOf(commandId, 'invoice')
    const preimage = sha256(invoiceId)
    return { invoiceId, preimage, paymentHash: sha256(preimage), jobId: refOf(commandId, 'job:create-invoice') }
  }
  const created = (commandId: string, hold = false) => {
    const { invoiceId, paymentHash, jobId } = invoiceOf(commandId)
    const made = { bolt11: `lnbcrt-${invoiceId}`, paymentHash, expiresAt: clock.time + 900, hold }
    const params = { jobId, invoiceId, ...made }
    return appendFact({ method: invoiceCreated, params, dedupeKey: `invoice:${invoiceId}:created` })
  }
  const settled = (commandId: string, receivedMsat: number, cursor: string | null = null) => {
    const { paymentHash } = invoiceOf(commandId)
    const params = { backend: 'golden', paymentHash, receivedMsat, settledAt: clock.time, cursor }
    return appendFact({ method: invoiceSettled, params, dedupeKey: `golden:${paymentHash}:settled` })
  }
  const accepted = (commandId: string, receivedMsat: number) => {
    const { paymentHash } = invoiceOf(commandId)
    const params = { backend: 'golden', paymentHash, receivedMsat }
    return appendFact({ method: invoiceAccepted, params, dedupeKey: `golden:${paymentHash}:accepted` })
  }
  /** The job for something, asked for just now. */
  const jobOf = (about: string, type: string) => deriveRef({ time: clock.time, commandId: about }, `job:${type}`)
  const holdEnded = (commandId: string, type: string, receivedMsat: number | null) => {
    const { invoiceId } = invoiceOf(commandId)
    const jobId = jobOf(invoiceId, type)
    const settled = receivedMsat === null ? null : { receivedMsat, settledAt: clock.time }
    const params = { jobId, invoiceId, settled }
    return appendFact({ method: holdEndedFact, params, dedupeKey: `hold:${jobId}:ended` })
  }
  /** A Lightning address gives an invoice, or none. */
  const resolved = (withdrawalId: string, amountMsat: number | null) => {
    const about = { jobId: jobOf(withdrawalId, 'resolve-address'), withdrawalId }
    const dedupeKey = `withdrawal:${withdrawalId}:resolved`
    if (amountMsat === null) {
      return appendFact({ method: withdrawalUnresolved, params: { ...about, reason: 'nobody there' }, dedupeKey })
    }
    const bolt11 = outsideInvoice(amountMsat, clock.time)
    return appendFact({ method: withdrawalResolved, params: { ...about, bolt11 }, dedupeKey })
  }
  const withdrawn = (commandId: string, outcome: object) => {
    const withdrawalId = refOf(commandId, 'withdrawal')
    const params = { jobId: jobOf(withdrawalId, 'pay-invoice'), withdrawalId, outcome }
    return appendFact({ method: paymentEnded, params, dedupeKey: `payment:${withdrawalId}:ended` })
  }
  const walletSaid = (invoiced: string, about: string, outcome: object) => {
    const { invoiceId } = invoiceOf(invoiced)
    const jobId = deriveRef({ time: clock.time, commandId: about }, 'job:pay-by-wallet')
    const params = { jobId, invoiceId, outcome }
    return appendFact({ method: walletAnswered, params, dedupeKey: `wallet:${jobId}:answered` })
  }
  const lookedUp = (ordered: string, asked: string, receivedMsat: number | null, reachable: boolean) => {
    const { paymentHash } = invoiceOf(ordered)
    const settlement = receivedMsat === null ? null : { receivedMsat, settledAt: clock.time }
    const jobId = refOf(asked, 'job:look-up-invoice')
    const params = { jobId, commandId: asked, paymentHash, settled: settlement, reachable }
    return appendFact({ method: invoiceLookedUp, params, dedupeKey: `look-up:${asked}` })
  }
  const paid = async (commandId: string, receivedMsat: number, cursor: string) => {
    await created(commandId)
    await settled(commandId, receivedMsat, cursor)
  }

  await config(testSettings, '1')
  send(operator, 'domain.add', { domain: 'golden.example', basePriceMsat: 10_000, pricePerCharMsat: 1_000 })
  send(operator, 'domain.set_policy', { domain: 'golden.example', ttlSeconds: 600, basePriceMsat: 20_000 })
  send(operator, 'identifier.reserve', { identifier: 'prize@golden.example', reason: 'short', priceMsat: 50_000 })
  send(operator, 'identifier.reserve', { identifier: 'bob@golden.example', reason: 'his', reservedFor: bob.publicKey })
  send(operator, 'identifier.reserve', { identifier: 'mistake@golden.example', reason: 'a slip' })
  send(operator, 'identifier.unreserve', { identifier: 'mistake@golden.example' })

  await paid(send(alice, 'balance.topup', { amountMsat: 10_000_000 }), 10_000_000, '1')
  await paid(send(bob, 'balance.topup', { amountMsat: 3_000_000 }), 2_999_999, '2')
  clock.time += 1
  send(alice, 'identifier.register', {
    identifier: 'alice@example.com',
    years: 2,
    pay: 'balance',
    relays: ['wss://a.example'],
  })
  send(bob, 'identifier.register', { identifier: 'bob@golden.example', pay: 'balance' })
  send(alice, 'identifier.register', { identifier: 'prize@golden.example', years: 3, pay: 'balance' })
  const txt = { type: 'TXT', value: 'ä "quoted" \\ 🐼', priority: 7, ttlSeconds: 60 }
  const url = { type: 'URL', value: 'https://alice.example/?a=1' }
  send(alice, 'identifier.set_records', {
    identifier: 'alice@example.com',
    records: [txt, url, { type: 'NOSTR', value: bob.publicKey }],
  })
  send(bob, 'identifier.set_records', {
    identifier: 'bob@golden.example',
    records: [{ type: 'CNAME', value: 'alice@example.com' }],
  })

  // By invoice: paid in time, lapsed, failed, never answered, paid by balance, by preimage, too little, too late.
  const inTime = send(bob, 'identifier.register', { identifier: 'intime@example.com', refundTo: 'bob@wallet.example' })
  await paid(inTime, 1_600_000, '3')
  const lapsed = send(bob, 'identifier.register', { identifier: 'lapsed@example.com' })
  await created(lapsed)
  const failed = send(alice, 'identifier.register', { identifier: 'failed@example.com' })
  const { invoiceId, jobId } = invoiceOf(failed)
  await appendFact({ method: invoiceFailed, params: { jobId, invoiceId }, dedupeKey: `invoice:${invoiceId}:failed` })
  const silent = send(alice, 'identifier.register', { identifier: 'silent@example.com' })
  await advance(61)
  await created(silent)
  const byBalance = send(alice, 'identifier.register', { identifier: 'balance@example.com' })
  await created(byBalance)
  send(alice, 'invoice.pay', { from: 'balance', invoiceId: invoiceOf(byBalance).invoiceId })
  await settled(byBalance, 1_700_000, '4')
  const byPreimage = send(alice, 'identifier.register', { identifier: 'preimage@example.com' })
  await created(byPreimage)
  const proof = {
    from: 'preimage',
    invoiceId: invoiceOf(byPreimage).invoiceId,
    preimage: invoiceOf(byPreimage).preimage,
  }
  await lookedUp(byPreimage, send(alice, 'invoice.pay', proof), null, false)
  await lookedUp(byPreimage, send(alice, 'invoice.pay', proof), null, true)
  await lookedUp(byPreimage, send(alice, 'invoice.pay', proof), 1_800_000, true)
  const tooLittle = send(bob, 'identifier.register', { identifier: 'little@example.com' })
  await paid(tooLittle, 1, '5')
  await advance(1_300)
  send(alice, 'identifier.register', { identifier: 'lapsed@example.com', pay: 'balance' })
  await settled(lapsed, 1_600_000, '6')
  await settled(silent, 1_600_000)

  // By hold invoice: taken, lost, given back, and cancelled before anybody paid.
  for (const [name, receivedMsat, taken] of [
    ['held@example.com', 1_400_000, true],
    ['lost@example.com', 1_400_000, false],
    ['less@example.com', 1, false],
  ] as const) {
    const ordered = send(bob, 'identifier.register', { identifier: name })
    await created(ordered, true)
    await accepted(ordered, receivedMsat)
    await holdEnded(ordered, receivedMsat > 1 ? 'settle-hold' : 'cancel-hold', taken ? receivedMsat : null)
  }
  const cancelled = send(bob, 'identifier.register', { identifier: 'cancelled@example.com' })
  await created(cancelled, true)
  send(bob, 'order.cancel', { orderId: refOf(cancelled, 'order') })
  await holdEnded(cancelled, 'cancel-hold', null)

  // Out to the customer's own wallet: paid, and failed.
  await paid(send(alice, 'balance.topup', { amountMsat: 5_000_000 }), 5_000_000, '7')
  await withdrawn(send(alice, 'balance.withdraw', { bolt11: outsideInvoice(1_000_000, clock.time) }), {
    status: 'paid',
    preimage: 'aa'.repeat(32),
    feeMsat: 1_234,
  })
  await withdrawn(send(alice, 'balance.withdraw', { bolt11: outsideInvoice(2_000_000, clock.time), maxFeeMsat: 5 }), {
    status: 'failed',
    reason: 'no route',
  })

  // What no wallet tells of is decided by the operator.
  const left = send(alice, 'balance.withdraw', { bolt11: outsideInvoice(400_000, clock.time) })
  send(operator, 'withdrawal.decide', {
    withdrawalId: refOf(left, 'withdrawal'),
    outcome: { status: 'failed', reason: 'the node is gone' },
  })

  // To a Lightning address: paid, and not to be had.
  const toAddress = { lightningAddress: 'alice@wallet.example', amountMsat: 300_000 }
  const sent = send(alice, 'balance.withdraw', { ...toAddress, comment: 'rent' })
  await resolved(refOf(sent, 'withdrawal'), 300_000)
  await withdrawn(sent, { status: 'paid', preimage: 'bb'.repeat(32), feeMsat: 5 })
  await resolved(refOf(send(alice, 'balance.withdraw', { ...toAddress, maxFeeMsat: 0 }), 'withdrawal'), null)

  // Refunds to the address of the order: of what was paid in vain, which is still being asked, and of what was sold.
  const inVain = send(bob, 'identifier.register', { identifier: 'vain@example.com', refundTo: 'bob@wallet.example' })
  await created(inVain)
  send(bob, 'order.cancel', { orderId: refOf(inVain, 'order') })
  await settled(inVain, 200_000)
  const refunded = send(operator, 'order.refund', { orderId: refOf(inTime, 'order'), reason: 'it was reserved' })
  await resolved(refOf(refunded, 'withdrawal'), 1_584_000)
  await withdrawn(refunded, { status: 'paid', preimage: 'dd'.repeat(32), feeMsat: 12_345 })
  // By the customer's own wallet: refused, unknown, and paid.
  const byWallet = send(bob, 'identifier.register', { identifier: 'wallet@example.com' })
  await created(byWallet)
  const connected = { from: 'wallet', invoiceId: invoiceOf(byWallet).invoiceId, handle: 'cd'.repeat(16) }
  for (const outcome of [{ status: 'failed', code: 'QUOTA_EXCEEDED' }, { status: 'unknown' }]) {
    await walletSaid(byWallet, send(bob, 'invoice.pay', connected), outcome)
  }
  const last = send(bob, 'invoice.pay', { ...connected, forget: true })
  await settled(byWallet, 1_600_000)
  await walletSaid(byWallet, last, { status: 'paid' })

  // Renewed by themselves when their time comes: from the balance, by wallet, and no more.
  send(bob, 'renewal.set', { identifier: 'bob@golden.example', from: 'balance', maxMsat: 30_000 })
  send(bob, 'renewal.set_budget', { handle: 'cd'.repeat(16), budgetMsat: 2_000_000, days: 3 })
  send(bob, 'renewal.set', {
    identifier: 'wallet@example.com',
    from: 'wallet',
    handle: 'cd'.repeat(16),
    maxMsat: 9_000_000,
  })
  send(bob, 'renewal.set', { identifier: 'intime@example.com', from: 'balance', maxMsat: 1 })
  send(alice, 'renewal.set', { identifier: 'alice@example.com', from: 'balance', maxMsat: 1 })
  send(alice, 'renewal.unset', { identifier: 'alice@example.com' })

  // More years: of another's name by invoice, and of the own from the balance.
  await paid(send(bob, 'identifier.renew', { identifier: 'alice@example.com' }), 1_500_000, '8')
  send(alice, 'identifier.renew', { identifier: 'alice@example.com', years: 2, pay: 'balance' })

  // With a coupon, and partly from the balance: paid, and left to expire.
  await config({ ...testSettings, coupons: [tenth] }, '1b')
  const mixed = send(alice, 'identifier.register', {
    identifier: 'mixed@example.com',
    creditMsat: 350_000,
    coupon: 'tenth',
  })
  await paid(mixed, 1_000_000, '9')
  await created(send(alice, 'identifier.register', { identifier: 'unpaid@example.com', creditMsat: 1_000 }))
  await advance(1_300)

  // A part from the balance afterwards: the invoice for the rest cannot be made, is not, and is; then both are paid.
  const inParts = send(alice, 'identifier.register', { identifier: 'parts@example.com' })
  await created(inParts)
  const part = { from: 'credit', invoiceId: invoiceOf(inParts).invoiceId, creditMsat: 500_000 }
  const refused = invoiceOf(send(alice, 'invoice.pay', part))
  const params = { jobId: refused.jobId, invoiceId: refused.invoiceId, reason: 'refused' }
  await appendFact({ method: invoiceFailed, params, dedupeKey: `invoice:${refused.invoiceId}:failed` })
  const unmade = send(alice, 'invoice.pay', part)
  await advance(60)
  await created(unmade)
  const rest = send(alice, 'invoice.pay', part)
  await created(rest, true)
  await paid(send(alice, 'invoice.pay', { ...part, invoiceId: invoiceOf(rest).invoiceId }), 500_000, '9b')
  await settled(inParts, 1_500_000)

  // Brought by another, and something from the price list.
  const [carol, code] = [keyOf(4), 'K3F6VNF0']
  send(bob, 'referral.create', {})
  send(carol, 'referral.claim', { code })
  await paid(send(carol, 'order.place', { items: [{ itemId: 'sticker', quantity: 2 }] }), 10_000, '10')

  // Compared with the wallet: the first time, and when something is missing.
  const then = { ledgerMsat: 20_000_000, underWayMsat: 50_000, arrivedMsat: 10_000 }
  for (const balanceMsat of [30_000_000, 29_000_000]) {
    const params = { backend: 'golden', balanceMsat, ...then }
    await appendFact({ method: walletReconciled, params, dedupeKey: `golden:${balanceMsat}:reconciled` })
    clock.time += 86_400
  }

  // Priced in a currency: by invoice and from the balance, at a rate that moves, and never at one that is too old.
  const euro = { currency: 'EUR', baseMinor: 499, perCharMinor: 5 }
  send(operator, 'domain.add', { domain: 'euro.example', basePriceMsat: 0, pricePerCharMsat: 0, fiat: euro })
  const observed = (perBitcoin: string) => {
    const params = { currency: 'EUR', perBitcoin, sources: ['coinbase', 'kraken'], observedAt: clock.time }
    return appendFact({ method: rateObserved, params, dedupeKey: `rate:EUR:${clock.time}` })
  }
  await observed('70000')
  const inEuro = send(alice, 'identifier.register', { identifier: 'alice@euro.example' })
  clock.time += 60
  await observed('70000.5')
  await paid(inEuro, 7_486_000, '11')
  await paid(send(alice, 'balance.topup', { amountMsat: 20_000_000 }), 20_000_000, '12')
  send(alice, 'identifier.renew', { identifier: 'alice@euro.example', pay: 'balance' })

  const opened = send(alice, 'ticket.open', {
    subject: 'Help',
    content: 'It does not work',
    category: 'billing',
    priority: 'high',
  })
  const ticketId = refOf(opened, 'ticket')
  send(staff, 'ticket.reply', { ticketId, content: 'Try again\nlater' })
  send(alice, 'ticket.close', { ticketId })
  send(alice, 'ticket.reply', { ticketId, content: 'No' })
  send(operator, 'ticket.close', { ticketId })

  await config({ ...testSettings, domains: testSettings.domains.slice(0, 1), staff: [] }, '2')
  await advance(2 * 86_400)
  await advance(year - 9 * 86_400)
  await advance(8 * 86_400)
  await advance(40 * 86_400)
  await advance(3 * year)
}
