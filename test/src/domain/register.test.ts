import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { invoiceCreated } from '../../../src/domain/billing/invoice-facts.ts'
import { configApplied } from '../../../src/domain/settings.ts'
import { tables } from '../../../src/store/tables.ts'
import { type Key, keyOf, openService, type TestService, testSettings } from '../service.ts'

const alice = keyOf(2)
const bob = keyOf(3)
const priceOfAlice = 1_500_000

let service: TestService
beforeEach(async () => {
  service = await openService()
})
afterEach(async () => {
  expect(service.errors).toEqual([])
  await service.close()
})

/** From now on every order by invoice is beyond the ration of unpaid holds. */
const withoutHolds = () => {
  const settings = { ...testSettings, orders: { ...testSettings.orders, unpaidHoldsPerAccount: 0 } }
  return service.appendFact({ method: configApplied, params: { settings }, dedupeKey: 'config:2' })
}

/** Orders alice@example.com without a hold; gives the payment hash. */
const race = async (key: Key) => {
  const { id } = service.send(key, 'identifier.register', { identifier: 'alice@example.com' })
  const hash = await service.walletAnswers()
  expect(service.resultOf(id, key)?.body.order).toMatchObject({ held: false, status: 'invoiced' })
  return hash
}

describe('identifier.register by invoice', () => {
  it('waits for the invoice, asks for payment, and makes the name hers when it is paid', async () => {
    const command = service.send(alice, 'identifier.register', { identifier: 'Alice@Example.com' })
    expect(command.status).toBe('pending')
    const hash = await service.walletAnswers()
    expect(service.resultOf(command.id, alice)).toMatchObject({
      status: 'payment-required',
      body: { order: { status: 'invoiced', totalMsat: priceOfAlice }, invoice: { amountMsat: priceOfAlice } },
    })
    expect(service.query(bob, 'identifier.quote', { identifier: 'alice@example.com' }).body).toMatchObject({
      status: 'held',
    })
    await service.settle(hash, priceOfAlice)
    expect(service.notices(alice).map(notice => notice.type)).toEqual(['invoice.settled', 'order.fulfilled'])
    expect(service.query(bob, 'identifier.get', { identifier: 'alice@example.com' }).body).toMatchObject({
      owner: alice.publicKey,
      status: 'active',
    })
    expect(service.query(alice, 'balance.get', {}).body).toMatchObject({ balanceMsat: 0 })
  })

  it('gives the name to the first who pays when a hold has lapsed, and credits the other', async () => {
    service.send(alice, 'identifier.register', { identifier: 'prize@example.com' })
    await service.walletAnswers()
    await service.advance(1_300)
    expect(service.query(bob, 'identifier.quote', { identifier: 'prize@example.com' }).body).toMatchObject({
      status: 'available',
    })
    service.send(alice, 'identifier.register', { identifier: 'prize@example.com' })
    const first = await service.walletAnswers()
    service.send(bob, 'identifier.register', { identifier: 'prize@example.com' })
    const second = await service.walletAnswers()
    await service.settle(second, 1_500_000)
    await service.settle(first, 1_500_000)
    expect(service.query(bob, 'identifier.get', { identifier: 'prize@example.com' }).body).toMatchObject({
      owner: bob.publicKey,
    })
    expect(service.query(alice, 'balance.get', {}).body).toMatchObject({ balanceMsat: 1_500_000 })
    expect(service.notices(alice).at(-1)).toMatchObject({ type: 'order.credited' })
  })

  it('is held for as long as its invoice can be paid, and five minutes more for what is under way then', async () => {
    service.send(alice, 'identifier.register', { identifier: 'alice@example.com' })
    await service.walletAnswers()
    const quoted = () => service.query(bob, 'identifier.quote', { identifier: 'alice@example.com' }).body.status
    await service.advance(900 + 300 - 1)
    expect(quoted()).toBe('held')
    await service.advance(1)
    expect(quoted()).toBe('available')
  })

  it.each([
    { paid: 'too late, name free', wait: 1_300, received: priceOfAlice, owner: true, balanceMsat: 0 },
    { paid: 'too little', wait: 0, received: priceOfAlice - 1, owner: false, balanceMsat: priceOfAlice - 1 },
    { paid: 'too much', wait: 0, received: priceOfAlice + 7, owner: true, balanceMsat: 7 },
  ])('keeps the books right when paid $paid', async ({ wait, received, owner, balanceMsat }) => {
    service.send(alice, 'identifier.register', { identifier: 'alice@example.com' })
    const hash = await service.walletAnswers()
    await service.advance(wait)
    await service.settle(hash, received)
    const status = service.query(bob, 'identifier.get', { identifier: 'alice@example.com' }).status
    expect(status).toBe(owner ? 'ok' : 'error')
    expect(service.query(alice, 'balance.get', {}).body).toMatchObject({ balanceMsat })
    const sum = service.environment.reader.range(tables.balances, []).reduce((total, { row }) => total + row.msat, 0)
    expect(sum).toBe(0)
  })

  it('answers PAYMENT_UNAVAILABLE and frees the name when the wallet fails or stays silent', async () => {
    const failed = service.send(alice, 'identifier.register', { identifier: 'alice@example.com' })
    await service.walletAnswers('failed')
    expect(service.resultOf(failed.id, alice)).toMatchObject({ status: 'error', body: { code: 'PAYMENT_UNAVAILABLE' } })
    const silent = service.send(bob, 'identifier.register', { identifier: 'alice@example.com' })
    await service.advance(61)
    expect(service.resultOf(silent.id, bob)).toMatchObject({ status: 'error', body: { code: 'PAYMENT_UNAVAILABLE' } })
    expect(service.query(bob, 'identifier.quote', { identifier: 'alice@example.com' }).body).toMatchObject({
      status: 'available',
    })
    const late = await service.walletAnswers()
    await service.settle(late, priceOfAlice)
    expect(service.query(bob, 'identifier.get', { identifier: 'alice@example.com' }).body).toMatchObject({
      owner: bob.publicKey,
    })
  })

  it('is PAYMENT_UNAVAILABLE when the wallet gives it the payment hash of another invoice, which stays', async () => {
    service.send(alice, 'identifier.register', { identifier: 'alice@example.com' })
    const paymentHash = await service.walletAnswers()
    const { id } = service.send(bob, 'identifier.register', { identifier: 'bob@example.com' })
    const [job] = service.environment.reader.range(tables.jobs, [])
    if (job === undefined) throw new Error('no invoice was asked for')
    const { invoiceId } = job.row.payload as { invoiceId: string }
    const made = { bolt11: 'lnbcrt-twice', paymentHash, expiresAt: service.clock.time + 900 }
    const params = { jobId: job.key[0], invoiceId, ...made }
    await service.appendFact({ method: invoiceCreated, params, dedupeKey: `test:${invoiceId}` })
    expect(service.resultOf(id, bob)).toMatchObject({ status: 'error', body: { code: 'PAYMENT_UNAVAILABLE' } })
    expect(service.query(bob, 'identifier.quote', { identifier: 'bob@example.com' }).body.status).toBe('available')
    await service.settle(paymentHash, priceOfAlice)
    expect(service.notices(alice).at(-1)).toMatchObject({ type: 'order.fulfilled' })
    expect(service.notices(bob)).toEqual([])
  })

  it('rations unpaid holds per account: beyond them an order races', async () => {
    const { unpaidHoldsPerAccount } = testSettings.orders
    for (let index = 0; index < unpaidHoldsPerAccount + 1; index++) {
      service.send(alice, 'identifier.register', { identifier: `name${index}@example.com` })
      await service.walletAnswers()
    }
    const status = (index: number) =>
      service.query(bob, 'identifier.quote', { identifier: `name${index}@example.com` }).body
    expect(status(unpaidHoldsPerAccount - 1)).toMatchObject({ status: 'held' })
    expect(status(unpaidHoldsPerAccount)).toMatchObject({ status: 'available' })
  })

  it('rations unpaid holds in total: beyond them an order races, whoever places it, until one of them is over', async () => {
    const settings = { ...testSettings, orders: { ...testSettings.orders, unpaidHoldsTotal: 2 } }
    await service.appendFact({ method: configApplied, params: { settings }, dedupeKey: 'config:2' })
    const order = async (number: number) => {
      const key = keyOf(10 + number)
      const { id } = service.send(key, 'identifier.register', { identifier: `name${number}@example.com` })
      const hash = await service.walletAnswers()
      const result = service.resultOf(id, key)
      expect(result?.status).toBe('payment-required')
      return { hash, held: (result?.body.order as { held: boolean } | undefined)?.held }
    }
    const [first, second, third] = [await order(1), await order(2), await order(3)]
    expect([first.held, second.held, third.held]).toEqual([true, true, false])
    await service.settle(third.hash, priceOfAlice)
    expect(service.query(bob, 'identifier.get', { identifier: 'name3@example.com' }).body).toMatchObject({
      owner: keyOf(13).publicKey,
    })
    expect((await order(4)).held).toBe(false)
    await service.settle(first.hash, priceOfAlice)
    expect([(await order(5)).held, (await order(6)).held]).toEqual([true, false])
  })

  it.each([
    { winner: alice, loser: bob, who: 'who came first' },
    { winner: bob, loser: alice, who: 'who came later' },
  ])(
    'gives a name that orders race for to $who, if it pays first, and credits the other',
    async ({ winner, loser }) => {
      await withoutHolds()
      const hashes = new Map([
        [alice, await race(alice)],
        [bob, await race(bob)],
      ])
      for (const key of [winner, loser]) await service.settle(hashes.get(key) ?? '', priceOfAlice)
      const [won, lost] = [winner, loser].map(key => service.notices(key).at(-1)?.type)
      expect([won, lost]).toEqual(['order.fulfilled', 'order.credited'])
      const { body } = service.query(bob, 'identifier.get', { identifier: 'alice@example.com' })
      expect(body).toMatchObject({ owner: winner.publicKey })
      const [spent, kept] = [winner, loser].map(key => service.query(key, 'balance.get', {}).body.balanceMsat)
      expect([spent, kept]).toEqual([0, priceOfAlice])
    },
  )

  it('does not let a racing order take a name that another order holds, though it is paid first', async () => {
    await withoutHolds()
    const racing = await race(alice)
    await service.appendFact({ method: configApplied, params: { settings: testSettings }, dedupeKey: 'config:3' })
    const { id } = service.send(bob, 'identifier.register', { identifier: 'alice@example.com' })
    const holding = await service.walletAnswers()
    expect(service.resultOf(id, bob)?.body.order).toMatchObject({ held: true })
    await service.settle(racing, priceOfAlice)
    await service.settle(holding, priceOfAlice)
    expect(service.notices(alice).at(-1)?.type).toBe('order.credited')
    expect(service.notices(bob).at(-1)?.type).toBe('order.fulfilled')
  })
})

describe('identifier.register from the balance', () => {
  it('is paid and fulfilled at once', async () => {
    await service.fund(alice, 2_000_000)
    const result = service.send(alice, 'identifier.register', { identifier: 'alice@example.com', pay: 'balance' })
    expect(result).toMatchObject({ status: 'ok', body: { order: { status: 'fulfilled' } } })
    expect(service.query(alice, 'balance.get', {}).body).toMatchObject({ balanceMsat: 500_000 })
  })

  it.each([
    { params: { identifier: 'alice@example.com' }, code: 'INSUFFICIENT_BALANCE' },
    { params: { identifier: 'alice@other.example' }, code: 'NOT_FOUND' },
    { params: { identifier: 'a@example.com' }, code: 'NAME_INVALID' },
    { params: { identifier: 'al!ce@example.com' }, code: 'NAME_INVALID' },
    { params: { identifier: 'admin@example.com' }, code: 'NAME_RESERVED' },
    { params: { identifier: 'taken@example.com' }, code: 'NAME_TAKEN' },
    { params: { identifier: 'held@example.com' }, code: 'NAME_HELD' },
    { params: { identifier: 'alice@closed.example' }, code: 'DOMAIN_CLOSED' },
  ])('refuses $params.identifier with $code', async ({ params, code }) => {
    await service.fund(bob, 5_000_000)
    service.send(bob, 'identifier.register', { identifier: 'taken@example.com', pay: 'balance' })
    service.send(bob, 'identifier.register', { identifier: 'held@example.com' })
    const result = service.send(alice, 'identifier.register', { ...params, pay: 'balance' })
    expect(result).toMatchObject({ status: 'error', body: { code } })
  })
})

describe('the life of a name', () => {
  it('reminds, gives grace, releases, and publishes each change with a later created_at', async () => {
    service.send(alice, 'identifier.register', { identifier: 'alice@free.example' })
    const year = 365 * 86_400
    await service.advance(year - 7 * 86_400)
    expect(service.notices(alice).at(-1)?.type).toBe('identifier.expiring')
    await service.advance(7 * 86_400)
    expect(service.notices(alice).at(-1)?.type).toBe('identifier.expired')
    expect(service.query(bob, 'identifier.get', { identifier: 'alice@free.example' }).body).toMatchObject({
      status: 'grace',
    })
    await service.advance(30 * 86_400)
    expect(service.query(bob, 'identifier.get', { identifier: 'alice@free.example' }).status).toBe('error')
    const published = service.sent.filter(event => event.kind === 32_410)
    const statuses = published.map(event => event.tags.find(tag => tag[0] === 'status')?.[1])
    expect(statuses).toEqual(['active', 'grace', 'released'])
  })

  it('ends at the tenth of ten changes in one second', () => {
    service.send(alice, 'identifier.register', { identifier: 'alice@free.example' })
    for (let index = 1; index <= 10; index++) {
      service.send(alice, 'identifier.set_records', {
        identifier: 'alice@free.example',
        records: [{ type: 'TXT', value: `change ${index}` }],
      })
    }
    const published = service.sent.filter(event => event.kind === 32_410)
    const times = published.map(event => event.created_at)
    expect(times).toEqual(times.map((_, index) => (times[0] ?? 0) + index))
    expect(published.at(-1)?.tags).toContainEqual(['record', 'TXT', 'change 10', '0', '3600'])
  })
})
