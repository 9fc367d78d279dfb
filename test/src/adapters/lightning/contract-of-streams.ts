import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  type IncomingPayment,
  type InvoiceRequest,
  type LightningBackend,
  LightningUnavailable,
} from '../../../../src/adapters/lightning/port.ts'
import type { LightningSetup, LightningTraits } from './contract.ts'
import { never } from './invoice-request.ts'
import { requestIn, testsIn, timeIn, type World } from './world.ts'

/** How a backend tells what arrived: in order, from a cursor on, without loss. */
export function describeStreamContract(
  name: string,
  { resolutionMsat, booksWhatWasAsked = false }: LightningTraits,
  setup: () => Promise<LightningSetup>,
  world: World,
): void {
  const given = testsIn(world)
  const { amountMsat } = world
  const isPaidAsAsked = booksWhatWasAsked || given('payers') === undefined

  describe(`${name} streams settlements`, () => {
    let fixture: LightningSetup
    let start: string | null

    beforeEach(async () => {
      fixture = await setup()
      start = (await fixture.start?.()) ?? null
    })
    afterEach(() => fixture.close())

    const asked = (changes: Partial<InvoiceRequest> = {}) => requestIn(world, fixture, changes)
    const create = (changes: Partial<InvoiceRequest> = {}) => fixture.backend.createInvoice(asked(changes), never)
    const payNew = async (idempotencyKey: string) => {
      const created = await create({ idempotencyKey })
      await fixture.pay(created.bolt11)
      return created.paymentHash
    }

    it('from the first, in their order, each with what arrived', async () => {
      const amounts = [amountMsat, resolutionMsat, amountMsat + 1_000_000]
      const paid: Omit<IncomingPayment, 'cursor'>[] = []
      for (const [index, receivedMsat] of amounts.entries()) {
        const same = isPaidAsAsked ? { amountMsat: receivedMsat } : {}
        const { bolt11, paymentHash } = await create({ idempotencyKey: `invoice-${index}`, ...same })
        await fixture.pay(bolt11, isPaidAsAsked ? {} : { receivedMsat })
        paid.push({ paymentHash, status: 'settled', receivedMsat, at: timeIn(world, fixture.now()) })
        await fixture.advance(10)
      }
      const seen = await collect(fixture.backend, start, amounts.length)
      expect(seen.map(({ cursor: _, ...rest }) => rest)).toEqual(paid)
    })

    it('from a cursor on, wherever it was left', async () => {
      const hashes = []
      for (const key of ['a', 'b', 'c', 'd']) hashes.push(await payNew(key))
      const all = await collect(fixture.backend, start, hashes.length)
      for (const [index, { cursor }] of all.slice(0, -1).entries()) {
        const rest = await collect(fixture.backend, cursor, hashes.length - index - 1)
        expect(rest).toEqual(all.slice(index + 1))
      }
    })

    it('as they happen, to everyone who listens', async () => {
      const listeners = [collect(fixture.backend, start, 2), collect(fixture.backend, start, 2)]
      const hashes = [await payNew('a'), await payNew('b')]
      for (const seen of await Promise.all(listeners)) expect(seen.map(one => one.paymentHash)).toEqual(hashes)
    })

    given('clock', 'payers')?.('that arrived late', async () => {
      const { paymentHash, bolt11 } = await create()
      await fixture.advance(asked().expirySeconds + 60)
      await fixture.pay(bolt11, { late: true })
      expect(await collect(fixture.backend, start, 1)).toMatchObject([{ paymentHash, at: fixture.now() }])
    })

    it('across a restart', async () => {
      const before = await payNew('before')
      const [seen] = await collect(fixture.backend, start, 1)
      const missed = await payNew('missed')
      const reopened = await fixture.reopen()
      const resumed = collect(reopened, seen?.cursor ?? start, 2)
      const { bolt11, paymentHash: after } = await reopened.createInvoice(asked({ idempotencyKey: 'after' }), never)
      await fixture.pay(bolt11)
      expect((await resumed).map(one => one.paymentHash)).toEqual([missed, after])
      expect((await collect(reopened, start, 3)).map(one => one.paymentHash)).toEqual([before, missed, after])
    })

    given('faults')?.each(['unavailable', 'drop-after'] as const)(
      'without loss or repetition when the connection breaks again and again (%s)',
      async mode => {
        const hashes: string[] = []
        const seen: IncomingPayment[] = []
        const count = 12
        const stop = new AbortController()
        const following = (async () => {
          while (seen.length < count) {
            try {
              for await (const one of fixture.backend.incoming(seen.at(-1)?.cursor ?? start, stop.signal)) {
                seen.push(one)
                if (seen.length === count) break
              }
            } catch (error) {
              if (!(error instanceof LightningUnavailable)) throw error
            }
          }
        })()
        for (let index = 0; index < count; index++) {
          if (index % 3 === 1) fixture.fail('stream', mode)
          hashes.push(await payNew(`invoice-${index}`))
        }
        await following
        expect(seen.map(one => one.paymentHash)).toEqual(hashes)
        expect(new Set(seen.map(one => one.cursor)).size).toBe(count)
      },
    )

    it('until the signal aborts, and then no longer', async () => {
      const stop = new AbortController()
      const iterator = fixture.backend.incoming(start, stop.signal)[Symbol.asyncIterator]()
      const waiting = iterator.next()
      // The stream is well under way before it is stopped.
      await create()
      const stoppedAt = performance.now()
      stop.abort()
      expect(await waiting).toEqual({ done: true, value: undefined })
      expect(performance.now() - stoppedAt).toBeLessThan(1_000)
    })

    it('not at all when the signal has aborted before', async () => {
      await payNew('a')
      const iterator = fixture.backend.incoming(start, AbortSignal.abort())[Symbol.asyncIterator]()
      expect(await iterator.next()).toEqual({ done: true, value: undefined })
    })
  })
}

/** The first `count` settlements after a cursor; leaves the stream then. */
export async function collect(
  backend: LightningBackend,
  cursor: string | null,
  count: number,
): Promise<IncomingPayment[]> {
  const seen: IncomingPayment[] = []
  for await (const one of backend.incoming(cursor, never)) {
    seen.push(one)
    if (seen.length === count) break
  }
  return seen
}
