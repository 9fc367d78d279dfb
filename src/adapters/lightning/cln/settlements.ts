import { z } from 'zod'
import { timeLimit } from '../../time-limit.ts'
import type { IncomingPayment } from '../port.ts'
import { hash, msat, type Rpc, refusals, refused } from './rpc.ts'

/** Answer of lightning-waitanyinvoice: the next paid invoice, in the order of its index. */
const paid = z.object({
  status: z.literal('paid'),
  payment_hash: hash,
  pay_index: z.int().positive(),
  amount_received_msat: msat,
  paid_at: z.int(),
})

const node = z.object({ id: z.string().regex(/^[0-9a-f]{66}$/) })

/**
 * Settlements after a cursor, each by a call that waits for the next one. `waitSeconds` is how long the node shall wait
 * before it says that there was none; when it stays silent for twice as long, the connection counts as dead.
 */
export async function* streamSettlements(
  rpc: Rpc,
  waitSeconds: number,
  cursor: string | null,
  signal: AbortSignal,
): AsyncGenerator<IncomingPayment, void, void> {
  try {
    if (!signal.aborted) yield* settlementsAfter(rpc, waitSeconds, cursor, signal)
  } catch (error) {
    if (!signal.aborted) throw error
  }
}

async function* settlementsAfter(
  rpc: Rpc,
  waitSeconds: number,
  cursor: string | null,
  signal: AbortSignal,
): AsyncGenerator<IncomingPayment, void, void> {
  const patience = () => AbortSignal.any([signal, timeLimit(waitSeconds * 2_000)])
  const { id } = await rpc.read('getinfo', {}, node, patience())
  const wallet = id.slice(-16)
  const [of, position] = cursor?.split(':') ?? []
  // Another node counts from the first again: the index of the former one would skip what this one receives.
  let last = of === wallet ? Number(position) : 0
  while (!signal.aborted) {
    const parameters = { lastpay_index: last, timeout: waitSeconds }
    const answer = await rpc.call('waitanyinvoice', parameters, paid, patience())
    if (signal.aborted) return
    if (answer.status === 'refused') {
      if (answer.code === refusals.waitTimedOut) continue
      throw refused('waitanyinvoice', answer.code)
    }
    const {
      payment_hash: paymentHash,
      pay_index: index,
      amount_received_msat: receivedMsat,
      paid_at: at,
    } = answer.result
    last = index
    yield { paymentHash, status: 'settled', receivedMsat, at, cursor: `${wallet}:${index}` }
  }
}
