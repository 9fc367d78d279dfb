import { z } from 'zod'
import { LightningUnavailable, type PaymentOutcome, type PaymentRequest } from '../port.ts'
import { hash, msat, type Rpc, refusals } from './rpc.ts'
import type { Run, Runs } from './runs.ts'

/** How long the node looks for ways before it gives up (lightning-xpay, retry_for). */
export const retrySeconds = 60

/** Answer of lightning-xpay. */
const sent = z.object({ payment_preimage: hash, amount_msat: msat, amount_sent_msat: msat })

/** Answer of lightning-listpays: the tries to pay one invoice, each made of parts. */
const tries = z.object({
  pays: z.array(
    z.discriminatedUnion('status', [
      z.object({ status: z.literal('pending') }),
      z.object({ status: z.literal('failed'), created_at: z.number(), bolt11: z.string().optional() }),
      z.object({ status: z.literal('complete'), preimage: hash, amount_msat: msat, amount_sent_msat: msat }),
    ]),
  ),
})
type Tries = z.output<typeof tries>['pays']

/** What `xpay` says once it has ended without success (lightning-xpay, errors); other codes may leave it under way. */
const ends: Readonly<Record<number, string>> = {
  [refusals.unknownMethod]: 'the node has no xpay',
  [refusals.invalidParameters]: 'the node cannot pay such an invoice',
  [refusals.runeUnknown]: 'the node does not let this rune pay',
  [refusals.runeForbids]: 'the node does not let this rune pay',
  [refusals.runeBlacklisted]: 'the node does not let this rune pay',
  203: 'the payee refuses the payment',
  205: 'no route within the fee limit',
  206: 'no route within the fee limit',
  207: 'the invoice has expired',
  209: 'the payment failed',
  219: 'the node has paid this invoice before',
}

/**
 * Pays by `xpay`. The node itself does not keep a second `xpay` of an invoice from paying while a first one is under way:
 * what it knows of the invoice is asked before. Never throws for what the node does.
 */
export async function pay(rpc: Rpc, runs: Runs, request: PaymentRequest, signal: AbortSignal): Promise<PaymentOutcome> {
  const run = runs.begin(request.bolt11)
  const known = await orUnknown(knownBefore(rpc, run, request.bolt11, signal))
  if (known === null) return orUnknown(payNow(rpc, runs, run, request, signal))
  run.undo()
  return known
}

/** What became of the payment already; `null` when the node may be asked to pay. */
async function knownBefore(rpc: Rpc, run: Run, bolt11: string, signal: AbortSignal): Promise<PaymentOutcome | null> {
  const answer = await rpc.call('listpays', { bolt11 }, tries, signal)
  if (answer.status === 'refused') {
    // What the node cannot even read, it was never made to pay.
    const isUnreadable = answer.code === refusals.invalidParameters
    return isUnreadable ? { status: 'failed', reason: 'the node cannot read this invoice' } : { status: 'unknown' }
  }
  const known = outcomeOf(answer.result.pays, run.isOver)
  if (known?.status === 'paid') return known
  const isFree = known === null || known.status === 'failed'
  return run.mayAsk && isFree ? null : { status: 'unknown' }
}

async function payNow(
  rpc: Rpc,
  runs: Runs,
  run: Run,
  { bolt11, maxFeeMsat }: PaymentRequest,
  signal: AbortSignal,
): Promise<PaymentOutcome> {
  const parameters = { invstring: bolt11, maxfee: maxFeeMsat, retry_for: retrySeconds }
  const answer = await rpc.call('xpay', parameters, sent, signal)
  if (answer.status === 'done') {
    run.end()
    return { status: 'paid', preimage: answer.result.payment_preimage, feeMsat: feeOf(answer.result) }
  }
  const reason = ends[answer.code]
  if (reason === undefined) return { status: 'unknown' }
  run.end()
  // It gives up while parts of the payment may still be on their way (plugins/xpay, payment_give_up).
  const { pays } = await rpc.read('listpays', { bolt11 }, tries, signal)
  const outcome = outcomeOf(pays, runs.isOver)
  return outcome === null || outcome.status === 'failed' ? { status: 'failed', reason } : outcome
}

/** What became of the tries to pay an invoice; `null` when there was none. */
export async function lookUpPayment(
  rpc: Rpc,
  runs: Runs,
  paymentHash: string,
  signal: AbortSignal,
): Promise<PaymentOutcome | null> {
  const { pays } = await rpc.read('listpays', { payment_hash: paymentHash }, tries, signal)
  return outcomeOf(pays, runs.isOver)
}

/**
 * One complete try is a payment. The node lists a payment as failed also between one way and the next that it tries
 * (ElementsProject/lightning#9036): that is believed only once no `xpay` can be trying any more.
 */
function outcomeOf(pays: Tries, hasEnded: Runs['isOver']): PaymentOutcome | null {
  if (pays.length === 0) return null
  let isOver = true
  for (const one of pays) {
    switch (one.status) {
      case 'complete':
        return { status: 'paid', preimage: one.preimage, feeMsat: feeOf(one) }
      case 'pending':
        isOver = false
        break
      case 'failed':
        isOver &&= hasEnded(one.bolt11 ?? '', one.created_at)
        break
    }
  }
  return isOver ? { status: 'failed', reason: 'the payment failed' } : { status: 'unknown' }
}

/** A node that says that it sent less than arrived has made a mistake, and the payment no fee. */
function feeOf(sums: { amount_sent_msat: number; amount_msat: number }): number {
  return Math.max(0, sums.amount_sent_msat - sums.amount_msat)
}

function orUnknown<Outcome>(outcome: Promise<Outcome>): Promise<Outcome | { status: 'unknown' }> {
  return outcome.catch(error => {
    if (error instanceof LightningUnavailable) return { status: 'unknown' }
    throw error
  })
}
