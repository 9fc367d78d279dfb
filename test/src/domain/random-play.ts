import { createHash } from 'node:crypto'
import type { NostrEvent } from '../../../relay/event.ts'
import { signInvoice } from '../../../src/adapters/lightning/dev-wallet/sign-invoice.ts'
import { holdEnded, invoiceAccepted } from '../../../src/domain/billing/hold-facts.ts'
import {
  invoiceCreated,
  invoiceFailed,
  invoiceLookedUp,
  invoiceSettled,
} from '../../../src/domain/billing/invoice-facts.ts'
import { walletAnswered } from '../../../src/domain/billing/invoice-pay.ts'
import { rateObserved } from '../../../src/domain/billing/rates.ts'
import { paymentEnded, withdrawalResolved, withdrawalUnresolved } from '../../../src/domain/billing/withdraw-facts.ts'
import { tables } from '../../../src/store/tables.ts'
import { keyOf, operator, staff, type TestService } from '../service.ts'
import { customerCount, type Step } from './random-steps.ts'

const customers = Array.from({ length: customerCount }, (_, index) => keyOf(2 + index))
const sha256 = (text: string) => createHash('sha256').update(Buffer.from(text, 'hex')).digest('hex')
const preimageOf = (invoiceId: string) => sha256(invoiceId)
const hashOf = (invoiceId: string) => sha256(preimageOf(invoiceId))

const handle = 'ab'.repeat(16)
/** What a customer's wallet says instead of paying. */
const refusals = [{ status: 'failed', code: 'QUOTA_EXCEEDED' }, { status: 'unreachable' }, { status: 'unknown' }]

/** Carries out steps against a service and keeps the commands that were sent. */
export function createPlay(service: TestService) {
  const { reader } = service.environment
  const sent: NostrEvent[] = []
  const key = (index: number) => customers[index] ?? operator
  const send = (by: typeof operator, method: string, params: object) => {
    const event = service.sign(by, 2410, method, params)
    sent.push(event)
    const applied = service.apply(event)
    if ('rejected' in applied) throw new Error(`${method} was refused at admission: ${applied.message}`)
  }
  const records = (alias: string | null) => (alias === null ? [] : [{ type: 'CNAME', value: alias }])
  const pickOf = <Item>(items: readonly Item[], index: number): Item | undefined =>
    items[index % Math.max(1, items.length)]

  /** An invoice of a node outside, the same hash for the same text. */
  const outsideInvoice = (of: number | string, amountMsat: number) => {
    const secrets = { paymentHash: sha256(of.toString(16).padStart(8, '0')), paymentSecret: 'bb'.repeat(32) }
    const fields = { ...secrets, amountMsat, description: '', timestamp: service.clock.time, expirySeconds: 600 }
    return signInvoice(fields, Buffer.alloc(32, 9))
  }

  /** Does one job as the wallet would, or fails to. */
  const work = async (index: number, isDone: boolean): Promise<void> => {
    const job = pickOf(reader.range(tables.jobs, []), index)
    if (job === undefined) return
    const [jobId] = job.key
    const payload = job.row.payload as {
      invoiceId: string
      paymentHash: string
      commandId: string
      withdrawalId: string
      maxFeeMsat: number
      amountMsat: number
    }
    const { invoiceId, paymentHash, commandId } = payload
    if (job.row.type === 'look-up-invoice') {
      const amountMsat = reader.get(tables.invoices, [invoiceId])?.amountMsat ?? 0
      const settled = index % 2 === 0 ? { receivedMsat: amountMsat, settledAt: service.clock.time } : null
      const params = { jobId, commandId, paymentHash, settled: isDone ? settled : null, reachable: isDone }
      await service.appendFact({ method: invoiceLookedUp, params, dedupeKey: `look-up:${commandId}` })
    } else if (job.row.type === 'resolve-address') {
      const { withdrawalId, amountMsat } = payload
      const said = isDone
        ? // Now and then another amount, or an invoice that was given before.
          { bolt11: outsideInvoice(index % 5 === 0 ? index : withdrawalId, amountMsat + (index % 7 === 0 ? 1 : 0)) }
        : { reason: 'nobody there' }
      const method = isDone ? withdrawalResolved : withdrawalUnresolved
      const params = { jobId, withdrawalId, ...said }
      await service.appendFact({ method, params, dedupeKey: `withdrawal:${withdrawalId}:resolved` })
    } else if (job.row.type === 'pay-invoice') {
      const { withdrawalId, maxFeeMsat } = payload
      const outcome = isDone
        ? { status: 'paid', preimage: '', feeMsat: Math.min(maxFeeMsat, index) }
        : { status: 'failed', reason: 'no route' }
      const params = { jobId, withdrawalId, outcome }
      await service.appendFact({ method: paymentEnded, params, dedupeKey: `payment:${withdrawalId}:ended` })
    } else if (job.row.type === 'pay-by-wallet') {
      const outcome = isDone ? { status: 'paid' } : (pickOf(refusals, index) ?? { status: 'unknown' })
      const params = { jobId, invoiceId, outcome }
      await service.appendFact({ method: walletAnswered, params, dedupeKey: `wallet:${jobId}:answered` })
    } else if (job.row.type === 'settle-hold' || job.row.type === 'cancel-hold') {
      if (!isDone) return
      const settled = whatBecomes(job.row.type, invoiceId, index)
      await service.appendFact({ method: holdEnded, params: { jobId, invoiceId, settled }, dedupeKey: `hold:${jobId}` })
    } else if (isDone) {
      const made = {
        hold:
          index % 2 === 0 &&
          reader.get(tables.orders, [reader.get(tables.invoices, [invoiceId])?.orderId ?? ''])?.items[0]?.sellable !==
            'top-up',
        bolt11: `lnbcrt-${invoiceId}`,
        paymentHash: hashOf(invoiceId),
        expiresAt: service.clock.time + 900,
      }
      const params = { jobId, invoiceId, ...made }
      await service.appendFact({ method: invoiceCreated, params, dedupeKey: `invoice:${invoiceId}:created` })
    } else {
      const params = { jobId, invoiceId }
      await service.appendFact({ method: invoiceFailed, params, dedupeKey: `invoice:${invoiceId}:failed` })
    }
  }

  /** What the wallet says of a payment that waited, which it does not change afterwards. */
  const whatBecomes = (type: string, invoiceId: string, index: number) => {
    const invoice = reader.get(tables.invoices, [invoiceId])
    const receivedMsat = invoice?.receivedMsat ?? invoice?.amountMsat ?? 0
    const isTaken =
      invoice?.status === 'settled' || (invoice?.status === 'accepted' && type === 'settle-hold' && index % 3 !== 0)
    return isTaken ? { receivedMsat, settledAt: service.clock.time } : null
  }

  const settle = async (index: number, changeMsat: number): Promise<void> => {
    const invoice = pickOf(
      reader.range(tables.invoices, []).filter(({ row }) => row.paymentHash !== null),
      index,
    )
    if (invoice === undefined) return
    const { paymentHash, amountMsat } = invoice.row
    const receivedMsat = Math.max(0, amountMsat + changeMsat)
    if (invoice.row.hold) {
      const params = { backend: 'test', paymentHash, receivedMsat }
      await service.appendFact({ method: invoiceAccepted, params, dedupeKey: `test:${paymentHash}:accepted` })
      return
    }
    const params = { backend: 'test', paymentHash, receivedMsat, settledAt: service.clock.time, cursor: String(index) }
    await service.appendFact({ method: invoiceSettled, params, dedupeKey: `test:${paymentHash}:settled` })
  }

  const ticket = (index: number, by: number, verb: 'open' | 'reply' | 'close' | 'answer') => {
    if (verb === 'open') return send(key(by), 'ticket.open', { subject: 'Help', content: 'Please' })
    const ticketId = pickOf(reader.range(tables.tickets, []), index)?.key[0]
    if (ticketId === undefined) return
    if (verb === 'close') send(key(by), 'ticket.close', { ticketId })
    else send(verb === 'answer' ? staff : key(by), 'ticket.reply', { ticketId, content: 'More' })
  }

  const play = async (step: Step): Promise<void> => {
    switch (step.do) {
      case 'register':
        return send(key(step.who), 'identifier.register', {
          identifier: step.name,
          pay: step.pay,
          creditMsat: step.creditMsat,
          coupon: step.coupon,
          refundTo: step.refundTo,
          records: records(step.alias),
        })
      case 'records':
        return send(key(step.who), 'identifier.set_records', { identifier: step.name, records: records(step.alias) })
      case 'top up':
        return send(key(step.who), 'balance.topup', { amountMsat: step.amountMsat })
      case 'pay': {
        const invoiceId = pickOf(reader.range(tables.invoices, []), step.pick)?.key[0]
        if (invoiceId === undefined) return
        const more = {
          preimage: { preimage: preimageOf(invoiceId) },
          wallet: { handle, forget: true },
          balance: {},
          credit: { creditMsat: step.creditMsat },
        }
        return send(key(step.who), 'invoice.pay', { from: step.from, invoiceId, ...more[step.from] })
      }
      case 'cancel': {
        const orderId = pickOf(reader.range(tables.orders, []), step.pick)?.key[0]
        if (orderId !== undefined) send(key(step.who), 'order.cancel', { orderId })
        return
      }
      case 'withdraw': {
        const { amountMsat, lightningAddress } = step
        const to = lightningAddress === null ? { bolt11: outsideInvoice(step.pick, amountMsat) } : null
        return send(key(step.who), 'balance.withdraw', to ?? { lightningAddress, amountMsat })
      }
      case 'refund': {
        const orderId = pickOf(reader.range(tables.orders, []), step.pick)?.key[0]
        if (orderId !== undefined) send(operator, 'order.refund', { orderId, reason: 'x' })
        return
      }
      case 'renew':
        return send(key(step.who), 'identifier.renew', { identifier: step.name, years: step.years, pay: step.pay })
      case 'keep': {
        const { name: identifier, from, maxMsat } = step
        if (from === 'unset') return send(key(step.who), 'renewal.unset', { identifier })
        const how = from === 'wallet' ? { from, handle } : { from }
        if (from === 'wallet') send(key(step.who), 'renewal.set_budget', { handle, budgetMsat: 3 * maxMsat, days: 2 })
        return send(key(step.who), 'renewal.set', { identifier, ...how, maxMsat })
      }
      case 'refer': {
        send(key(step.pick % customers.length), 'referral.create', {})
        const referrer = reader.get(tables.referrers, [key(step.pick % customers.length).publicKey])
        return send(key(step.who), 'referral.claim', { code: referrer?.code ?? 'ABCD2345' })
      }
      case 'work':
        return work(step.pick, step.outcome === 'done')
      case 'settle':
        return settle(step.pick, step.change)
      case 'wait':
        return service.advance(step.seconds)
      case 'ticket':
        return ticket(step.pick, step.who, step.verb)
      case 'reserve': {
        const reservedFor = step.for === null ? null : key(step.for).publicKey
        return send(operator, 'identifier.reserve', {
          identifier: step.name,
          reason: 'x',
          priceMsat: step.priceMsat,
          reservedFor,
        })
      }
      case 'reprice':
        return send(operator, 'domain.set_policy', {
          domain: 'example.com',
          basePriceMsat: step.fiat === null ? step.basePriceMsat : 0,
          pricePerCharMsat: step.fiat === null ? 100_000 : 0,
          open: step.open,
          fiat: step.fiat,
        })
      case 'observe': {
        const rate = { perBitcoin: step.perBitcoin, sources: ['test'], observedAt: service.clock.time }
        const params = { currency: 'EUR', ...rate }
        await service.appendFact({ method: rateObserved, params, dedupeKey: `rate:${JSON.stringify(rate)}` })
        return
      }
      case 'order': {
        const { itemId, pay, creditMsat, coupon } = step
        const items = [{ itemId, quantity: 3 }]
        return send(key(step.who), 'order.place', { items, pay, creditMsat, coupon })
      }
      case 'resend': {
        const event = pickOf(sent, step.pick)
        if (event !== undefined) service.apply(event)
        return
      }
      default: {
        const unknown: never = step
        throw new Error(`no step ${JSON.stringify(unknown)}`)
      }
    }
  }
  return { play, sent }
}
