import type { IncomingPayment } from '../port.ts'
import type { Following } from './following.ts'
import { createHandover } from './handover.ts'
import { followHeldPayments, type HoldNews } from './held-payments.ts'
import { followSettlements } from './settlements.ts'

/** What arrived after a cursor and what arrives from now on; payments that wait to be taken once each. */
export async function* streamIncoming(
  following: Following & { readonly holdNews: HoldNews },
  cursor: string | null,
  signal: AbortSignal,
): AsyncGenerator<IncomingPayment, void, void> {
  if (signal.aborted) return
  const handover = createHandover<IncomingPayment>()
  const leaving = new AbortController()
  const leave = () => {
    leaving.abort()
    handover.end()
  }
  signal.addEventListener('abort', leave)
  const settlements = async () => {
    for await (const payment of followSettlements(following, cursor, leaving.signal)) await handover.give(payment)
  }
  const followed = [settlements(), followHeldPayments(following, handover.give, leaving.signal)]
  try {
    for (const one of followed) one.catch(handover.end)
    yield* handover.items()
  } finally {
    leave()
    signal.removeEventListener('abort', leave)
    await Promise.allSettled(followed)
  }
}
