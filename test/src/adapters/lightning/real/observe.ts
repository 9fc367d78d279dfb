import type { LightningBackend } from '../../../../../src/adapters/lightning/port.ts'
import { never } from '../invoice-request.ts'
import { readSigned } from './invoices.ts'
import type { Pair } from './pair.ts'

/** What one test did with the wallet under test. */
export type Deeds = {
  /** Its invoices, by hash; whether their payments are held. */
  readonly made: Map<string, { readonly hold: boolean }>
  /** The key of each payment that was asked for, by hash. */
  readonly asked: Map<string, { readonly idempotencyKey: string; readonly bolt11: string }>
}

const maxRounds = 20

/**
 * The wallet under test as one test sees it: what is not the test's own does not come in, so that a wallet in use, or one
 * in which an earlier run has left something, is like a new one.
 */
export function observe(backend: LightningBackend, { tally, surroundings }: Pair, deeds: Deeds): LightningBackend {
  return {
    ...backend,
    createInvoice: async (request, signal) => {
      surroundings.hear?.(request)
      const created = await backend.createInvoice(request, signal)
      deeds.made.set(created.paymentHash, { hold: request.hold ?? false })
      return created
    },
    incoming: async function* (cursor, signal) {
      for await (const one of backend.incoming(cursor, signal)) if (deeds.made.has(one.paymentHash)) yield one
    },
    pay: async (request, signal) => {
      const { idempotencyKey, bolt11 } = request
      const { paymentHash } = readSigned(bolt11)
      if (!deeds.asked.has(paymentHash)) deeds.asked.set(paymentHash, { idempotencyKey, bolt11 })
      const outcome = await backend.pay(request, signal)
      tally.note('the wallet', bolt11, outcome)
      return outcome
    },
    // A payment is there before the channel has agreed on it: what two looks in a row show is the balance.
    balanceMsat: async signal => {
      let lastMsat = await backend.balanceMsat(signal)
      for (let round = 0; round < maxRounds; round++) {
        await surroundings.wait(0.5)
        const balanceMsat = await backend.balanceMsat(never)
        if (balanceMsat === lastMsat) return balanceMsat
        lastMsat = balanceMsat
      }
      throw new Error('the balance does not come to rest')
    },
  }
}
