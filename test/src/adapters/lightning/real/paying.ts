import type { LightningBackend, PaymentOutcome } from '../../../../../src/adapters/lightning/port.ts'
import { never } from '../invoice-request.ts'
import { readSigned } from './invoices.ts'
import type { Pair } from './pair.ts'

/** The payer's payments of one test. */
export type Paying = {
  /** Pays an invoice of `backend`; resolves once the payment is there, to be taken or taken. Rejects when it failed. */
  pay(backend: LightningBackend, bolt11: string): Promise<void>
  /** Waits until each payment has ended, or for as long as can be waited for. */
  end(): Promise<void>
}

type Attempt = { readonly idempotencyKey: string; readonly bolt11: string; outcome: PaymentOutcome | null }

const roundSeconds = 0.25
/** Core Lightning says that a payment failed only once it cannot be trying any more. */
const maxRounds = 720
const maxFeeMsat = 10_000

export function openPaying({ payer, tally, surroundings }: Pair, keyPrefix: string): Paying {
  const attempts: Attempt[] = []
  const stop = new AbortController()

  const follow = async (attempt: Attempt) => {
    const { idempotencyKey, bolt11 } = attempt
    const outcome = await payer.pay({ idempotencyKey, bolt11, maxFeeMsat }, stop.signal)
    attempt.outcome = outcome.status === 'unknown' ? null : outcome
  }
  const isThere = async (backend: LightningBackend, paymentHash: string) => {
    const { status } = await backend.lookUpInvoice(paymentHash, never)
    return status === 'accepted' || status === 'settled'
  }
  const lookUp = async (attempt: Attempt) => {
    const { paymentHash } = readSigned(attempt.bolt11)
    const { idempotencyKey } = attempt
    const outcome = await payer.lookUpPayment({ idempotencyKey, paymentHash }, never).catch(() => null)
    return outcome?.status === 'unknown' ? null : outcome
  }

  return {
    pay: async (backend, bolt11) => {
      const attempt: Attempt = { idempotencyKey: `${keyPrefix}paid-${attempts.length}`, bolt11, outcome: null }
      attempts.push(attempt)
      const following = follow(attempt)
      following.catch(() => stop.abort())
      for (let round = 0; round < maxRounds; round++) {
        if (attempt.outcome?.status === 'failed') throw new Error(`not paid: ${attempt.outcome.reason}`)
        if (await isThere(backend, readSigned(bolt11).paymentHash)) return
        await surroundings.wait(roundSeconds)
      }
      throw new Error('the payment does not arrive')
    },
    end: async () => {
      stop.abort()
      for (const attempt of attempts) {
        for (let round = 0; attempt.outcome === null && round < maxRounds; round++) {
          attempt.outcome = await lookUp(attempt)
          if (attempt.outcome === null) await surroundings.wait(roundSeconds)
        }
        tally.note('the payer', attempt.bolt11, attempt.outcome)
      }
    },
  }
}
