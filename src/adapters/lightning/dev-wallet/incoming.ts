import type { News } from '../news.ts'
import { type IncomingPayment, LightningUnavailable } from '../port.ts'
import type { Calls } from './calls.ts'
import type { DevWalletStore } from './store.ts'

type Source = { store: DevWalletStore; nodeId: string; news: News; calls: Calls }

/** What arrived after a cursor and what arrives from now on, in order; payments that wait to be taken once each. */
export async function* streamIncoming(
  { store, nodeId, news, calls }: Source,
  cursor: string | null,
  signal: AbortSignal,
): AsyncGenerator<IncomingPayment, void, void> {
  const wallet = nodeId.slice(-16)
  const [of, position] = cursor?.split(':') ?? []
  // A cursor of a wallet that is no more must not skip what this one receives: it starts from the first.
  const known = of === wallet && Number(position) <= store.lastSequence()
  let sequence = known ? Number(position) : 0
  const told = new Set<string>()

  const next = (): IncomingPayment | undefined => {
    const row = store.settlement(sequence + 1)
    if (row !== undefined) return { ...row, status: 'settled', cursor: `${wallet}:${sequence + 1}` }
    const paymentHash = store.accepted().find(hash => !told.has(hash))
    const arrival = paymentHash === undefined ? null : (store.invoices.get(paymentHash)?.arrival ?? null)
    if (paymentHash === undefined || arrival === null) return undefined
    return { paymentHash, ...arrival, status: 'accepted', cursor: null }
  }

  for (;;) {
    if (signal.aborted) return
    calls.checkOpen()
    const fault = calls.faults.next('stream')
    if (fault === 'timeout') {
      calls.faults.take('stream')
      await calls.silence(signal)
      if (signal.aborted) return
      throw new LightningUnavailable('the development wallet was told to fall silent')
    }
    const payment = next()
    if (fault === 'unavailable' || fault === 'refused' || (fault === 'drop-after' && payment !== undefined)) {
      calls.faults.take('stream')
      throw new LightningUnavailable('the development wallet was told to lose the connection')
    }
    if (payment === undefined) {
      await news.next(signal)
      continue
    }
    if (payment.status === 'settled') sequence++
    else told.add(payment.paymentHash)
    yield payment
  }
}
