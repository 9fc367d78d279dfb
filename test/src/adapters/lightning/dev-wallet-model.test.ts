import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { CreatedInvoice, InvoiceState } from '../../../../src/adapters/lightning/port.ts'
import { never, requestOf } from './invoice-request.ts'
import { openDevWallet } from './open-dev-wallet.ts'

const expirySeconds = 100
const maxKeys = 4

/** What a wallet would be if nothing could go wrong: a list of invoices and a list of payments. */
type Model = {
  invoices: Map<number, CreatedInvoice & { settled: { receivedMsat: number; at: number } | null }>
  payments: string[]
}

const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('create' as const), key: fc.nat(maxKeys) }) },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('pay' as const),
      key: fc.nat(maxKeys),
      receivedMsat: fc.integer({ min: 1, max: 2_000 }),
      late: fc.boolean(),
    }),
  },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), seconds: fc.nat(60) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('reopen' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('fault' as const),
      call: fc.constantFrom('create' as const, 'lookup' as const),
      mode: fc.constantFrom('unavailable' as const, 'drop-after' as const),
    }),
  },
)

it('does what a naive wallet would, whatever fails and whenever it restarts', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async steps => {
      const fixture = await openDevWallet()
      const model: Model = { invoices: new Map(), payments: [] }
      const request = (key: number) =>
        requestOf({ idempotencyKey: `invoice-${key}`, amountMsat: 1_000 + key, expirySeconds })
      /** As the service does: again until there is an answer. */
      const insist = async <T>(ask: () => Promise<T>): Promise<T> => ask().catch(() => insist(ask))
      try {
        for (const one of steps) {
          if (one.do === 'create') {
            const created = await insist(() => fixture.backend.createInvoice(request(one.key), never))
            const known = model.invoices.get(one.key)
            if (known === undefined) {
              expect(created.expiresAt).toBe(fixture.now() + expirySeconds)
              model.invoices.set(one.key, { ...created, settled: null })
            } else {
              expect(known).toMatchObject(created)
            }
          } else if (one.do === 'pay') {
            const known = model.invoices.get(one.key)
            const { receivedMsat, late } = one
            const outcome = await fixture.backend.receive(known?.bolt11 ?? 'ab'.repeat(32), { receivedMsat, late })
            const inTime = known !== undefined && fixture.now() < known.expiresAt
            const payable = known !== undefined && known.settled === null && (inTime || late)
            expect(outcome.status).toBe(payable ? 'settled' : 'refused')
            if (payable) {
              known.settled = { receivedMsat, at: fixture.now() }
              model.payments.push(known.paymentHash)
            }
          } else if (one.do === 'wait') fixture.advance(one.seconds)
          else if (one.do === 'reopen') await fixture.reopen()
          else fixture.fail(one.call, one.mode)
        }
        for (const { paymentHash, expiresAt, settled } of model.invoices.values()) {
          const state: InvoiceState = await insist(() => fixture.backend.lookUpInvoice(paymentHash, never))
          if (settled !== null) expect(state).toMatchObject({ status: 'settled', ...settled })
          else expect(state).toEqual({ status: fixture.now() < expiresAt ? 'open' : 'expired' })
        }
        const streamed: string[] = []
        // One payment more, so that the stream has an end to be read up to.
        const last = await insist(() => fixture.backend.createInvoice(request(maxKeys + 1), never))
        await fixture.backend.receive(last.bolt11)
        model.payments.push(last.paymentHash)
        for await (const { paymentHash } of fixture.backend.incoming(null, never)) {
          if (streamed.push(paymentHash) === model.payments.length) break
        }
        expect(streamed).toEqual(model.payments)
      } finally {
        await fixture.close()
      }
    }),
    { numRuns: 40 },
  )
})
