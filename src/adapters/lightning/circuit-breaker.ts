import { InvoiceRefused, type LightningBackend, LightningUnavailable } from './port.ts'

/** The backend has failed so often that it was not even asked: what was asked did not happen. */
export class CircuitOpen extends LightningUnavailable {}

const failuresToOpen = 5
const firstPauseMs = 1_000
const longestPauseMs = 30_000

/**
 * Stops asking a backend that does not answer: after five failures in a row calls fail at once, until after a pause (1 s,
 * doubling to 30 s) one call is let through to see. Streams always go through. `changed` hears of each change.
 */
export function withCircuitBreaker(
  backend: LightningBackend,
  options: { nowMs(): number; changed(isOpen: boolean): void },
): LightningBackend {
  const { nowMs, changed } = options
  let failures = 0
  let pauseMs = firstPauseMs
  /** Until when nobody is let through; `null`: closed. */
  let openUntilMs: number | null = null

  const succeeded = () => {
    failures = 0
    pauseMs = firstPauseMs
    if (openUntilMs === null) return
    openUntilMs = null
    changed(false)
  }
  /** `wentToSee`: it was let through since. What was under way before tells nothing new, however much there was of it. */
  const failed = (wentToSee: boolean) => {
    failures++
    if (failures < failuresToOpen || (openUntilMs !== null && !wentToSee)) return
    if (openUntilMs === null) changed(true)
    openUntilMs = nowMs() + pauseMs
    pauseMs = Math.min(longestPauseMs, pauseMs * 2)
  }
  const checkClosed = () => {
    if (openUntilMs === null) return
    if (nowMs() < openUntilMs) throw new CircuitOpen('the Lightning backend has not answered for a while')
    // One goes to see; the others wait for what comes of it.
    openUntilMs = nowMs() + pauseMs
  }
  const guard = async <T>(call: () => Promise<T>): Promise<T> => {
    checkClosed()
    const wentToSee = openUntilMs !== null
    try {
      const value = await call()
      succeeded()
      return value
    } catch (error) {
      if (error instanceof LightningUnavailable) failed(wentToSee)
      // Who says no is there; else a stranger's amounts could close the wallet for all.
      else if (error instanceof InvoiceRefused) succeeded()
      throw error
    }
  }

  return {
    ...backend,
    capabilities: signal => guard(() => backend.capabilities(signal)),
    createInvoice: (request, signal) => guard(() => backend.createInvoice(request, signal)),
    lookUpInvoice: (paymentHash, signal) => guard(() => backend.lookUpInvoice(paymentHash, signal)),
    settleHold: (preimage, signal) => guard(() => backend.settleHold(preimage, signal)),
    cancelHold: (paymentHash, signal) => guard(() => backend.cancelHold(paymentHash, signal)),
    // A payment may be unknown because its way is long, which says nothing of the backend.
    pay: async (request, signal) => {
      checkClosed()
      return backend.pay(request, signal)
    },
    lookUpPayment: (payment, signal) => guard(() => backend.lookUpPayment(payment, signal)),
    balanceMsat: signal => guard(() => backend.balanceMsat(signal)),
    // Who asks whether it is there means to use it, by calls that would not go through either.
    check: signal => guard(() => backend.check(signal)),
  }
}
