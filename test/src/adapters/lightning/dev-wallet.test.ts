import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { signInvoice } from '../../../../src/adapters/lightning/dev-wallet/sign-invoice.ts'
import { createDevWallet } from '../../../../src/adapters/lightning/dev-wallet/wallet.ts'
import { LightningUnavailable } from '../../../../src/adapters/lightning/port.ts'
import { describeLightningContract } from './contract.ts'
import { never, requestOf } from './invoice-request.ts'
import { type DevWalletFixture, openDevWallet } from './open-dev-wallet.ts'
import { traitsOf } from './traits.ts'

describeLightningContract('the development wallet', traitsOf.dev, openDevWallet)

const request = requestOf({ amountMsat: 21_000 })

describe('the development wallet', () => {
  let fixture: DevWalletFixture

  beforeEach(async () => {
    fixture = await openDevWallet()
  })
  afterEach(() => fixture.close())

  const create = (idempotencyKey = request.idempotencyKey) =>
    fixture.backend.createInvoice(requestOf({ amountMsat: 21_000, idempotencyKey }), never)
  const firstSettlement = async (cursor: string | null) => {
    for await (const one of fixture.backend.incoming(cursor, never)) return one.paymentHash
    return null
  }

  describe('pays', () => {
    it('an invoice in capitals, and one known by its hash', async () => {
      const [a, b] = [await create('a'), await create('b')]
      expect(await fixture.backend.receive(a.bolt11.toUpperCase())).toMatchObject({ paymentHash: a.paymentHash })
      expect(await fixture.backend.receive(b.paymentHash)).toMatchObject({ paymentHash: b.paymentHash })
    })

    it('once, of many times at once', async () => {
      const { bolt11 } = await create()
      const outcomes = await Promise.all(Array.from({ length: 10 }, () => fixture.backend.receive(bolt11)))
      expect(outcomes.filter(outcome => outcome.status === 'settled')).toHaveLength(1)
      const refused = outcomes.filter(outcome => outcome.status === 'refused')
      expect(new Set(refused.map(outcome => outcome.reason))).toEqual(new Set(['already settled']))
    })

    it.each([0, -1, 1.5, Number.NaN, 2 ** 53])('never %s msat', async receivedMsat => {
      const { bolt11, paymentHash } = await create()
      await expect(fixture.backend.receive(bolt11, { receivedMsat })).rejects.toThrow(RangeError)
      expect(await fixture.backend.lookUpInvoice(paymentHash, never)).toEqual({ status: 'open' })
    })

    it.each<[string, string, () => Promise<string>]>([
      [
        'expired',
        'an expired invoice, unless told',
        async () => {
          const { bolt11 } = await create()
          fixture.advance(request.expirySeconds)
          return bolt11
        },
      ],
      [
        'already settled',
        'a settled one',
        async () => {
          const { bolt11 } = await create()
          await fixture.backend.receive(bolt11)
          return bolt11
        },
      ],
      ['unknown', 'a hash it does not know', async () => 'ab'.repeat(32)],
      ['unknown', 'what is no invoice', async () => 'lnbcrt1pjunk'],
      ['unknown', 'a damaged invoice', async () => (await create()).bolt11.replace(/.$/, 'q').replace(/q.$/, 'pp')],
      ['unknown', 'text without end', async () => 'l'.repeat(1_000_000)],
      [
        'unknown',
        "another wallet's invoice",
        async () => {
          const other = await openDevWallet()
          const { bolt11 } = await other.backend.createInvoice(request, never)
          await other.close()
          return bolt11
        },
      ],
    ])('not (%s): %s', async (reason, _case, prepare) => {
      expect(await fixture.backend.receive(await prepare())).toEqual({ status: 'refused', reason })
    })

    it('not an invoice that others signed for its payment hash', async () => {
      const { paymentHash } = await create()
      const { amountMsat, description, expirySeconds } = request
      const paymentSecret = 'cd'.repeat(32)
      const fields = { paymentHash, paymentSecret, amountMsat, description, timestamp: fixture.now(), expirySeconds }
      const forged = signInvoice(fields, Buffer.alloc(32, 7))
      expect(await fixture.backend.receive(forged)).toEqual({ status: 'refused', reason: 'unknown' })
    })

    it('an expired one when told', async () => {
      const { bolt11, paymentHash } = await create()
      fixture.advance(request.expirySeconds)
      const outcome = await fixture.backend.receive(bolt11, { late: true })
      expect(outcome).toEqual({ status: 'settled', paymentHash, receivedMsat: request.amountMsat })
    })
  })

  it('refuses to use a key again for a different request', async () => {
    await create()
    for (const change of [{ amountMsat: 22_000 }, { description: 'another' }, { expirySeconds: 901 }, { hold: true }]) {
      await expect(fixture.backend.createInvoice({ ...request, ...change }, never)).rejects.toThrow('used again')
    }
  })

  it('closes under load: every call is answered, and what was answered is kept', async () => {
    const paid = await create('paid')
    const paying = fixture.backend.receive(paid.bolt11)
    const calls = Array.from({ length: 20 }, (_, index) => create(`invoice-${index}`))
    const outcomes = Promise.allSettled(calls)
    await calls[5]
    await fixture.backend.close()
    await paying
    await fixture.reopen()
    fixture.advance(5)
    for (const [index, outcome] of (await outcomes).entries()) {
      if (outcome.status === 'rejected') expect(outcome.reason).toBeInstanceOf(LightningUnavailable)
      else expect(await create(`invoice-${index}`)).toEqual(outcome.value)
    }
    expect(await fixture.backend.lookUpInvoice(paid.paymentHash, never)).toMatchObject({ status: 'settled' })
  })

  describe('keeps its cursors honest', () => {
    it.each(['', 'nonsense', ':', '1', 'another0wallet00:1', ':-1'])('%j starts from the first', async cursor => {
      const { bolt11, paymentHash } = await create()
      await fixture.backend.receive(bolt11)
      expect(await firstSettlement(cursor)).toBe(paymentHash)
    })

    it('one from a history that is lost starts from the first', async () => {
      for (const key of ['a', 'b', 'c']) await fixture.backend.receive((await create(key)).bolt11)
      const cursors: (string | null)[] = []
      for await (const { cursor } of fixture.backend.incoming(null, never)) {
        if (cursors.push(cursor) === 3) break
      }
      await fixture.backend.close()
      rmSync(join(fixture.directory, 'data.mdb'))
      await fixture.reopen()
      const { bolt11, paymentHash } = await create('d')
      await fixture.backend.receive(bolt11)
      expect(await firstSettlement(cursors[2] ?? null)).toBe(paymentHash)
    })
  })

  describe('fails when told', () => {
    it('once, or as often as said, or no more', async () => {
      const ask = () =>
        create().then(
          () => 'made',
          () => 'failed',
        )
      fixture.backend.fault({ call: 'create', mode: 'unavailable' })
      expect([await ask(), await ask()]).toEqual(['failed', 'made'])
      fixture.backend.fault({ call: 'create', mode: 'unavailable', times: 2 })
      expect([await ask(), await ask(), await ask()]).toEqual(['failed', 'failed', 'made'])
      fixture.backend.fault({ call: 'create', mode: 'unavailable', times: 2 })
      fixture.backend.fault({ call: 'create', mode: 'unavailable', times: 0 })
      expect(await ask()).toBe('made')
    })

    it('at every call, or only at the one that is meant', async () => {
      const { paymentHash } = await create()
      const { backend } = fixture
      backend.fault({ call: 'lookup', mode: 'unavailable', times: 9 })
      await expect(backend.lookUpInvoice(paymentHash, never)).rejects.toThrow(LightningUnavailable)
      await expect(backend.check(never)).resolves.toBeUndefined()
      await expect(create()).resolves.toMatchObject({ paymentHash })
      backend.fault({ call: 'all', mode: 'unavailable', times: 3 })
      await expect(backend.check(never)).rejects.toThrow(LightningUnavailable)
      await expect(create()).rejects.toThrow(LightningUnavailable)
      await expect(firstSettlement(null)).rejects.toThrow(LightningUnavailable)
      await expect(backend.check(never)).resolves.toBeUndefined()
    })

    it.each(['create', 'lookup', 'stream'] as const)('by silence, until it gives up by itself: %s', async call => {
      const ask = {
        create: () => create(),
        lookup: () => fixture.backend.lookUpInvoice('00'.repeat(32), never),
        stream: () => firstSettlement(null),
      }[call]
      fixture.backend.fault({ call, mode: 'timeout' })
      const askedAt = performance.now()
      await expect(ask()).rejects.toThrow(LightningUnavailable)
      expect(performance.now() - askedAt).toBeGreaterThan(fixture.timeoutMs - 20)
      await create()
    })

    it('by silence, until the caller gives up', async () => {
      const { backend } = fixture
      backend.fault({ call: 'all', mode: 'timeout', times: 3 })
      const askedAt = performance.now()
      const calls = [
        backend.createInvoice(request, AbortSignal.timeout(20)),
        backend.lookUpInvoice('00'.repeat(32), AbortSignal.timeout(20)),
      ]
      for (const call of calls) await expect(call).rejects.toThrow(LightningUnavailable)
      const stream = backend.incoming(null, AbortSignal.timeout(20))[Symbol.asyncIterator]()
      expect(await stream.next()).toEqual({ done: true, value: undefined })
      expect(performance.now() - askedAt).toBeLessThan(fixture.timeoutMs)
      // None was made then: this one counts from now.
      fixture.advance(1)
      expect((await create()).expiresAt).toBe(fixture.now() + request.expirySeconds)
    })

    it('but still ends silence when it is closed', async () => {
      fixture.backend.fault({ call: 'create', mode: 'timeout' })
      const waiting = expect(create()).rejects.toThrow(LightningUnavailable)
      await fixture.backend.close()
      await waiting
    })

    it('at a stream that drops: with the next settlement, not before', async () => {
      const { bolt11, paymentHash } = await create()
      fixture.backend.fault({ call: 'stream', mode: 'drop-after' })
      const outcome = firstSettlement(null).catch((error: unknown) => error)
      expect(await Promise.race([outcome, delay(20, 'waiting')])).toBe('waiting')
      await fixture.backend.receive(bolt11)
      expect(await outcome).toBeInstanceOf(LightningUnavailable)
      expect(await firstSettlement(null)).toBe(paymentHash)
    })

    it('at a stream that is waiting already', async () => {
      const listening = expect(firstSettlement(null)).rejects.toThrow(LightningUnavailable)
      await create()
      fixture.backend.fault({ call: 'stream', mode: 'unavailable' })
      await listening
    })
  })

  describe('guards its key', () => {
    it('in files that only their owner can read', () => {
      expect(statSync(fixture.directory).mode & 0o777).toBe(0o700)
      expect(statSync(join(fixture.directory, 'node-key')).mode & 0o777).toBe(0o600)
      expect(readdirSync(fixture.directory).sort()).toEqual(['data.mdb', 'lock.mdb', 'node-key'])
    })

    it('in a directory that was open to others before', async () => {
      chmodSync(fixture.directory, 0o755)
      await fixture.reopen()
      expect(statSync(fixture.directory).mode & 0o777).toBe(0o700)
    })

    it('and keeps it', async () => {
      const before = fixture.backend.nodeId
      expect((await fixture.reopen()).nodeId).toBe(before)
      const key = readFileSync(join(fixture.directory, 'node-key'), 'utf8').trim()
      expect(key).toMatch(/^[0-9a-f]{64}$/)
      expect(JSON.stringify([fixture.backend, await create()])).not.toContain(key)
    })

    it.each<[string, (file: string) => void, string]>([
      ['others can read', file => chmodSync(file, 0o640), 'can be read by others'],
      ['is damaged', file => writeFileSync(file, 'no key\n'), '64 hex digits'],
      ['was exchanged', file => writeFileSync(file, `${'11'.repeat(32)}\n`), 'another node key'],
    ])('and does not start with one that %s', async (_case, spoil, said) => {
      await fixture.backend.close()
      const file = join(fixture.directory, 'node-key')
      const key = readFileSync(file)
      spoil(file)
      await expect(fixture.reopen()).rejects.toThrow(said)
      writeFileSync(file, key)
      chmodSync(file, 0o600)
      await expect(fixture.reopen()).resolves.toMatchObject({ nodeId: fixture.nodeId })
    })
  })

  it('does not start on mainnet, and leaves nothing behind there', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'panda-dev-wallet-'))
    const opening = createDevWallet({ directory: join(directory, 'wallet'), network: 'mainnet', now: () => 1 })
    await expect(opening).rejects.toThrow('does not run on mainnet')
    expect(readdirSync(directory)).toEqual([])
    rmSync(directory, { recursive: true })
  })
})
