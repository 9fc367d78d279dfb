import { setImmediate as nextTurn } from 'node:timers/promises'
import { decode as recover } from 'bolt11'
import { decode } from 'light-bolt11-decoder'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { withFittingDescription } from '../../../../src/adapters/lightning/description.ts'
import {
  InvoiceRefused,
  type InvoiceRequest,
  type LightningBackend,
  LightningUnavailable,
} from '../../../../src/adapters/lightning/port.ts'
import { describeHoldContract } from './contract-of-holds.ts'
import { describePayingContract } from './contract-of-paying.ts'
import { collect, describeStreamContract } from './contract-of-streams.ts'
import { never, sha256 } from './invoice-request.ts'
import { ownWorld, requestIn, testsIn, timeIn, type World } from './world.ts'

/** A backend under test and the world around it: its clock, its payers, its connection. */
export type LightningFixture = {
  readonly backend: LightningBackend
  /** The public key that signs its invoices, compressed, hex. */
  readonly nodeId: string
  /** `lnbcrt` on regtest, `lntbs` on signet … */
  readonly prefix: string
  /** The backend's time, in Unix seconds. */
  now(): number
  advance(seconds: number): void
  /** Pays as somebody outside would; `late`: although it has expired. Rejects when the payment fails. */
  pay(bolt11: string, options?: { receivedMsat?: number; late?: boolean }): Promise<void>
  /** The next call fails: before anything has happened, or with its answer lost. */
  fail(call: 'create' | 'lookup' | 'stream' | 'pay' | 'hold', mode: 'unavailable' | 'drop-after'): void
  /** The next invoice that is asked for is refused. */
  refuse(): void
  /** An invoice of somebody outside, and what becomes of a payment to it. */
  outsideInvoice(wanted: {
    amountMsat: number
    expirySeconds?: number
    fate?: 'paid' | 'failed' | 'stuck'
    feeMsat?: number
  }): Promise<{ bolt11: string; paymentHash: string }>
  /** Ends a payment that is stuck. */
  decide(paymentHash: string, status: 'paid' | 'failed'): Promise<void>
  /** Ends the backend and opens it again with what it had kept. */
  reopen(): Promise<LightningBackend>
  close(): Promise<void>
}

/** The same where the world has a mind of its own: what it cannot do is not asked of it. */
export type LightningSetup = Omit<LightningFixture, 'nodeId' | 'advance'> & {
  /** `null` where invoices are not all of one node. */
  readonly nodeId: string | null
  /** Stands before each key, so that it is new to a backend that has a history. */
  readonly keyPrefix?: string
  /** Lets time go on: by so much, or for as long as can be waited for. */
  advance(seconds: number): void | Promise<void>
  /** The cursor of the newest settlement; without it there is none. */
  start?(): Promise<string | null>
}

/** Where backends differ. */
export type LightningTraits = {
  /** Invoices have the preimage that was asked for. */
  readonly takesPreimage: boolean
  readonly hold: boolean
  readonly descriptionHash: boolean
  readonly resolutionMsat: 1 | 1_000
  /** In UTF-16 code units; without it, as long as an invoice can hold. */
  readonly maxDescriptionLength?: number
  /** It makes no invoice without a description. */
  readonly needsDescription?: boolean
  /** It books what an invoice asked for, and does not tell what arrived. */
  readonly booksWhatWasAsked?: boolean
  /** It pays only when the limit allows what it sets aside for fees. */
  readonly reservedFeeMsat?: number
  /** What every payment of this amount costs, where no limit can lower it: such a backend refuses what would cost more. */
  readonly fixedFeeMsat?: (amountMsat: number) => number
  /** Says itself what a payment may cost at most, which NIP-47 cannot. */
  readonly limitsFees?: boolean
  /** It pays, if nothing else is said. */
  readonly pay?: boolean
}

const nobodysHash = '00'.repeat(32)

/** What every Lightning backend must do: idempotent invoices, true states, and no money lost or made up. */
export function describeLightningContract(
  name: string,
  traits: LightningTraits,
  setup: () => Promise<LightningSetup>,
  world: World = ownWorld,
): void {
  const { takesPreimage, resolutionMsat, needsDescription = false, booksWhatWasAsked = false } = traits
  const { maxDescriptionLength = 639 } = traits
  const isWhole = (amountMsat: number) => amountMsat % resolutionMsat === 0
  const given = testsIn(world)

  if (traits.hold) describeHoldContract(name, setup, world)
  if (traits.pay ?? true) describePayingContract(name, traits, setup, world)
  describeStreamContract(name, traits, setup, world)

  describe(`${name} as a Lightning backend`, () => {
    let fixture: LightningSetup
    let request: InvoiceRequest

    beforeEach(async () => {
      fixture = await setup()
      request = asked()
    })
    afterEach(() => fixture.close())

    const asked = (changes: Partial<InvoiceRequest> = {}) => requestIn(world, fixture, changes)
    const create = (changes: Partial<InvoiceRequest> = {}) => fixture.backend.createInvoice(asked(changes), never)
    const stateOf = (paymentHash: string) => fixture.backend.lookUpInvoice(paymentHash, never)
    const payNew = async (idempotencyKey: string) => {
      const created = await create({ idempotencyKey })
      await fixture.pay(created.bolt11)
      return created.paymentHash
    }

    describe('makes invoices', () => {
      const kinds: [string, Partial<InvoiceRequest>][] = [
        ['an ordinary one', {}],
        ['for less than a satoshi', { amountMsat: 1 }],
        ['with a part of a satoshi', { amountMsat: 1_234_567 }],
        ['for a whole bitcoin', { amountMsat: 100_000_000_000 }],
        ['without a description', { description: '' }],
        ['with a description in other scripts', { description: 'ナンセンス 1杯, für Ωμέγα 🐼' }],
        ['with a long description', { description: 'd'.repeat(128) }],
        ['that expires in a minute', { expirySeconds: 60 }],
        ['that expires in a day', { expirySeconds: 86_400 }],
      ]
      it.each(kinds.filter(([, { amountMsat = 0 }]) => isWhole(amountMsat)))(
        'that say what was asked: %s',
        async (_case, changes) => {
          const wanted = asked(changes)
          if (needsDescription && wanted.description === '') {
            return await expect(create(changes)).rejects.toThrow(RangeError)
          }
          const created = await create(changes)
          const value = valuesOf(created.bolt11)
          expect(created.bolt11.startsWith(fixture.prefix)).toBe(true)
          expect(value('amount')).toBe(String(wanted.amountMsat))
          expect(value('description')).toBe(wanted.description)
          expect(value('payment_hash')).toBe(created.paymentHash)
          if (takesPreimage) expect(created.paymentHash).toBe(sha256(Buffer.from(wanted.preimage, 'hex')))
          expect(value('payment_secret')).toMatch(/^[0-9a-f]{64}$/)
          expect(value('timestamp')).toEqual(timeIn(world, fixture.now()))
          expect(value('expiry')).toBe(wanted.expirySeconds)
          expect(created.expiresAt).toBe(Number(value('timestamp')) + wanted.expirySeconds)
          expect(value('feature_bits')).toMatchObject({ var_onion_optin: 'required', payment_secret: 'required' })
          const { nodeId } = fixture
          if (nodeId !== null) expect(payeeOf(created.bolt11)).toBe(nodeId)
        },
      )

      it('with the hash of a description instead of it, if it can', async () => {
        const descriptionHash = sha256('metadata of a Lightning address')
        expect(await fixture.backend.capabilities(never)).toMatchObject({ descriptionHash: traits.descriptionHash })
        if (!traits.descriptionHash) return await expect(create({ descriptionHash })).rejects.toThrow(RangeError)
        const value = valuesOf((await create({ descriptionHash })).bolt11)
        expect(value('description_hash')).toBe(descriptionHash)
        expect(value('description')).toBeUndefined()
      })

      it('with descriptions as long as it says, and longer ones when they are made to fit', async () => {
        const capabilities = await fixture.backend.capabilities(never)
        expect(capabilities).toMatchObject({ maxDescriptionLength })
        const whole = 'd'.repeat(maxDescriptionLength)
        expect(valuesOf((await create({ description: whole })).bolt11)('description')).toBe(whole)
        for (const [index, character] of ['d', 'é', '🐼'].entries()) {
          const changes = { idempotencyKey: `long ${index}`, description: `a ${character.repeat(700)}` }
          await expect(create(changes)).rejects.toThrow(RangeError)
          const fitting = withFittingDescription(asked(changes), capabilities)
          const said = valuesOf((await fixture.backend.createInvoice(fitting, never)).bolt11)('description')
          expect(said).toBe(fitting.description)
          expect(said).toMatch(new RegExp(`^a ${character}+…$`, 'u'))
          // Asked again, it is the same request.
          expect(withFittingDescription(asked(changes), capabilities)).toEqual(fitting)
        }
      })

      it('that are the same for the same key, later and at once', async () => {
        const first = await create()
        await fixture.advance(60)
        const rest = await Promise.all([create(), create(), create()])
        expect(new Set([first, ...rest].map(one => JSON.stringify(one))).size).toBe(1)
      })

      it('that are one when a new key is asked for many times at once', async () => {
        const asking = Array.from({ length: 20 }, () => create())
        // Time goes on meanwhile, so that each would be another invoice if it were made anew.
        for (let turn = 0; turn < 40; turn++) {
          await nextTurn()
          if (given('clock')) await fixture.advance(1)
        }
        const all = await Promise.all(asking)
        expect(new Set(all.map(one => one.bolt11)).size).toBe(1)
        expect(await create()).toEqual(all[0])
      })

      it('that are the same for the same key once expired, and once settled', async () => {
        const short = { idempotencyKey: 'expired', expirySeconds: world.shortExpirySeconds }
        const expired = await create(short)
        const settled = await create({ idempotencyKey: 'settled' })
        await fixture.pay(settled.bolt11)
        await fixture.advance(10_000)
        expect(await create(short)).toEqual(expired)
        expect(await create({ idempotencyKey: 'settled' })).toEqual(settled)
      })

      it('that are the same for the same key after reopening', async () => {
        const before = await create()
        const reopened = await fixture.reopen()
        await fixture.advance(5)
        expect(await reopened.createInvoice(request, never)).toEqual(before)
      })

      it('that differ for different keys, although all else is the same', async () => {
        const keys = ['a', 'b', 'c', 'a:b', 'preimage:a']
        const all = await Promise.all(keys.map(idempotencyKey => create({ idempotencyKey })))
        expect(new Set(all.map(one => one.paymentHash)).size).toBe(keys.length)
      })

      given('faults')?.('that are the same when the answer to the first request was lost', async () => {
        fixture.fail('create', 'drop-after')
        await expect(create()).rejects.toThrow(LightningUnavailable)
        const askedAt = fixture.now()
        await fixture.advance(30)
        const retried = await create()
        expect(retried.expiresAt).toBe(askedAt + request.expirySeconds)
        expect(await create()).toEqual(retried)
      })

      given('faults')?.('never for what the wallet refuses, which is not to be out of reach', async () => {
        fixture.refuse()
        await expect(create()).rejects.toThrow(InvoiceRefused)
        expect((await create()).expiresAt).toBe(fixture.now() + request.expirySeconds)
      })

      it.each([
        ['nothing', { amountMsat: 0 }],
        ['less than nothing', { amountMsat: -1_000 }],
        ['a fraction', { amountMsat: 1.5 }],
        ['more than is exact', { amountMsat: Number.MAX_SAFE_INTEGER + 1 }],
        ['less than it can write', { amountMsat: resolutionMsat / 2 }],
        ['no number', { amountMsat: Number.NaN }],
        ['without end', { amountMsat: Number.POSITIVE_INFINITY }],
        ['a description that is too long', { description: 'd'.repeat(640) }],
        ['a description whose bytes are too many', { description: 'é'.repeat(320) }],
        ['no time to pay', { expirySeconds: 0 }],
        ['a fraction of time', { expirySeconds: 0.5 }],
        ['time without end', { expirySeconds: Number.MAX_SAFE_INTEGER }],
        ['no key', { idempotencyKey: '' }],
      ])('never for %s', async (_case, changes) => {
        await expect(create(changes)).rejects.toThrow(RangeError)
        // The key is still free: nothing was kept for it.
        const { idempotencyKey } = { ...request, ...changes }
        if (idempotencyKey === '') return
        expect(valuesOf((await create({ amountMsat: 5_000 })).bolt11)('amount')).toBe('5000')
      })
    })

    describe('knows the state of an invoice', () => {
      it('unknown, when it never made it', async () => {
        expect(await stateOf(nobodysHash)).toEqual({ status: 'unknown' })
      })

      it('open, until it expires', async () => {
        const { shortExpirySeconds: expirySeconds } = world
        const { paymentHash } = await create({ expirySeconds })
        expect(await stateOf(paymentHash)).toEqual({ status: 'open' })
        if (given('clock')) {
          await fixture.advance(expirySeconds - 1)
          expect(await stateOf(paymentHash)).toEqual({ status: 'open' })
        }
        await fixture.advance(given('clock') ? 2 : expirySeconds + 2)
        expect(await stateOf(paymentHash)).toEqual({ status: 'expired' })
      })

      const arrivals: [string, number][] = [
        ['as asked', 0],
        ['with less', -resolutionMsat],
        ['with more', resolutionMsat],
      ]
      const told = arrivals.filter(([, more]) => more === 0 || (given('payers') && !booksWhatWasAsked))
      it.each(told)('settled, when paid %s, with what arrived', async (_case, moreMsat) => {
        const receivedMsat = request.amountMsat + moreMsat
        const { paymentHash, bolt11 } = await create()
        await fixture.advance(7)
        await fixture.pay(bolt11, { receivedMsat })
        const paidAt = timeIn(world, fixture.now())
        const state = await stateOf(paymentHash)
        if (state.status !== 'settled') throw new Error(`the invoice is ${state.status}`)
        expect(state).toMatchObject({ receivedMsat, at: paidAt })
        expect(sha256(Buffer.from(state.preimage, 'hex'))).toBe(paymentHash)
        // The payment secret is public with the invoice: it must not give the preimage away.
        expect(JSON.stringify(decode(bolt11).sections)).not.toContain(state.preimage)
        await fixture.advance(10_000)
        expect(await stateOf(paymentHash)).toEqual(state)
      })

      given('clock', 'payers')?.('settled, when paid after it expired', async () => {
        const { paymentHash, bolt11 } = await create()
        await fixture.advance(request.expirySeconds + 60)
        await fixture.pay(bolt11, { late: true })
        expect(await stateOf(paymentHash)).toMatchObject({ status: 'settled', at: fixture.now() })
      })

      given('payers')?.('paid once only', async () => {
        const { paymentHash, bolt11 } = await create()
        await fixture.pay(bolt11)
        const first = await stateOf(paymentHash)
        await fixture.advance(5)
        await expect(fixture.pay(bolt11, { receivedMsat: 1 })).rejects.toThrow()
        expect(await stateOf(paymentHash)).toEqual(first)
      })

      it('after reopening', async () => {
        const paid = await payNew('paid')
        const open = await create({ idempotencyKey: 'open' })
        const before = await stateOf(paid)
        const reopened = await fixture.reopen()
        expect(await reopened.lookUpInvoice(paid, never)).toEqual(before)
        expect(await reopened.lookUpInvoice(open.paymentHash, never)).toEqual({ status: 'open' })
      })
    })

    describe('says when it cannot answer', () => {
      given('faults')?.('to a request for an invoice, and makes none', async () => {
        fixture.fail('create', 'unavailable')
        await expect(create()).rejects.toThrow(LightningUnavailable)
        await fixture.advance(30)
        expect((await create()).expiresAt).toBe(fixture.now() + request.expirySeconds)
      })

      given('faults')?.each(['unavailable', 'drop-after'] as const)('to a look-up (%s)', async mode => {
        const { paymentHash } = await create()
        fixture.fail('lookup', mode)
        await expect(stateOf(paymentHash)).rejects.toThrow(LightningUnavailable)
        expect(await stateOf(paymentHash)).toEqual({ status: 'open' })
      })

      given('faults')?.('to whoever listens for settlements', async () => {
        fixture.fail('stream', 'unavailable')
        const paid = await payNew('a')
        await expect(collect(fixture.backend, null, 1)).rejects.toThrow(LightningUnavailable)
        expect(await collect(fixture.backend, null, 1)).toMatchObject([{ paymentHash: paid }])
      })

      if (!traits.hold) {
        it('to hold payments, whether it is reached or not, and never leaves open whether it holds one', async () => {
          expect(await fixture.backend.capabilities(never)).toMatchObject({ hold: false })
          const refuses = async () => {
            await expect(create({ hold: true })).rejects.toThrow('cannot hold payments')
            await expect(fixture.backend.settleHold(request.preimage, never)).rejects.toThrow('cannot hold payments')
            await expect(fixture.backend.cancelHold(nobodysHash, never)).rejects.toThrow('cannot hold payments')
          }
          await refuses()
          // Nothing was made for that key.
          const { paymentHash } = await create()
          expect(await stateOf(paymentHash)).toEqual({ status: 'open' })
          await fixture.backend.close()
          await refuses()
        })
      }

      it('once it is closed', async () => {
        const { paymentHash } = await create()
        await fixture.backend.close()
        await expect(create()).rejects.toThrow(LightningUnavailable)
        await expect(stateOf(paymentHash)).rejects.toThrow(LightningUnavailable)
        await expect(collect(fixture.backend, null, 1)).rejects.toThrow(LightningUnavailable)
        await expect(fixture.backend.check(never)).rejects.toThrow(LightningUnavailable)
      })

      it('by a check, which is silent when all is well', async () => {
        await expect(fixture.backend.check(never)).resolves.toBeUndefined()
      })
    })
  })
}

/** The node that signed an invoice, of whatever network. */
function payeeOf(bolt11: string): string | undefined {
  const [, hrp = ''] = /^ln([a-z]+)\d/.exec(bolt11) ?? []
  return recover(bolt11, { bech32: hrp, pubKeyHash: 0x6f, scriptHash: 0xc4, validWitnessVersions: [0, 1] }).payeeNodeKey
}

/** What an invoice says, field by field. */
function valuesOf(bolt11: string): (section: string) => unknown {
  const sections = new Map<string, object>(decode(bolt11).sections.map(section => [section.name, section]))
  return name => {
    const found = sections.get(name)
    return found !== undefined && 'value' in found ? found.value : undefined
  }
}
