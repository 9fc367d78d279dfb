import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { tables } from '../../../src/store/tables.ts'
import { keyOf, openService, type TestService } from '../service.ts'
import { contradictions } from './books.ts'

const [alice, bob] = [keyOf(2), keyOf(3)]
const identifier = 'alice@example.com'
const priceMsat = 1_500_000

let service: TestService
beforeEach(async () => {
  service = await openService()
})
afterEach(async () => {
  expect(service.errors).toEqual([])
  expect(contradictions(service.environment)).toEqual([])
  await service.close()
})

const order = (by = alice) => service.send(by, 'identifier.register', { identifier })
/** A name ordered, and the hold invoice for it. */
const invoiced = (by = alice) => {
  order(by)
  return service.walletAnswers('held')
}
const balance = (key = alice) => service.query(key, 'balance.get', {}).body.balanceMsat
const owner = () => service.query(bob, 'identifier.get', { identifier }).body.owner
const last = (key = alice) => service.notices(key).at(-1)
const invoiceOf = (paymentHash: string) => {
  const invoiceId = service.environment.reader.get(tables.invoicesByHash, [paymentHash])?.invoiceId ?? ''
  return service.environment.reader.get(tables.invoices, [invoiceId])
}
const jobs = () => service.environment.reader.range(tables.jobs, []).map(({ row }) => row.type)

describe('a payment that waits', () => {
  it('claims the name, is taken, and then the name is its owner’s', async () => {
    const paymentHash = await invoiced()
    await service.accept(paymentHash, priceMsat)
    expect([invoiceOf(paymentHash)?.status, owner(), balance()]).toEqual(['accepted', undefined, 0])
    expect(await service.endHold({ receivedMsat: priceMsat })).toBe('settle-hold')
    expect([invoiceOf(paymentHash)?.status, owner(), balance()]).toEqual(['settled', alice.publicKey, 0])
    expect(last()).toMatchObject({ type: 'order.fulfilled' })
    expect(jobs()).toEqual([])
  })

  it('is booked once, by the stream and by the job', async () => {
    const paymentHash = await invoiced()
    await service.accept(paymentHash, priceMsat)
    await service.settle(paymentHash, priceMsat)
    await service.endHold({ receivedMsat: priceMsat })
    expect([owner(), balance()]).toEqual([alice.publicKey, 0])
    expect(service.notices(alice).filter(({ type }) => type === 'order.fulfilled')).toHaveLength(1)
  })

  it('stays booked when the wallet says afterwards that it cannot be taken', async () => {
    const paymentHash = await invoiced()
    await service.accept(paymentHash, priceMsat)
    await service.settle(paymentHash, priceMsat)
    expect(await service.endHold(null)).toBe('settle-hold')
    expect([invoiceOf(paymentHash)?.status, owner(), balance()]).toEqual(['settled', alice.publicKey, 0])
  })

  it('keeps the name from others however long it takes', async () => {
    const paymentHash = await invoiced()
    await service.accept(paymentHash, priceMsat)
    await service.advance(90_000)
    expect(order(bob).body).toMatchObject({ code: 'NAME_HELD' })
    await service.endHold({ receivedMsat: priceMsat })
    expect(owner()).toBe(alice.publicKey)
  })

  it('that cannot be taken any more leaves the name free and nobody charged', async () => {
    const paymentHash = await invoiced()
    await service.accept(paymentHash, priceMsat)
    await service.endHold(null)
    expect([invoiceOf(paymentHash)?.status, owner(), balance()]).toEqual(['cancelled', undefined, 0])
    expect(last()).toMatchObject({ type: 'order.expired' })
    expect(order(bob).status).toBe('pending')
  })

  it('that turns out to be less once it is taken is credited, and the name is free', async () => {
    const paymentHash = await invoiced()
    await service.accept(paymentHash, priceMsat)
    await service.endHold({ receivedMsat: priceMsat - 1 })
    expect([owner(), balance()]).toEqual([undefined, priceMsat - 1])
    expect(last()).toMatchObject({ type: 'order.credited' })
    expect(order(bob).status).toBe('pending')
  })

  it('gives what was paid too much to the balance', async () => {
    const paymentHash = await invoiced()
    await service.accept(paymentHash, priceMsat + 700)
    await service.endHold({ receivedMsat: priceMsat + 700 })
    expect([owner(), balance()]).toEqual([alice.publicKey, 700])
  })

  it.each<[string, (paymentHash: string) => unknown]>([
    ['when it is too little', () => undefined],
    [
      'when the name is somebody else’s by then',
      async () => {
        await service.advance(1_300)
        await service.fund(bob, 2_000_000)
        service.send(bob, 'identifier.register', { identifier, pay: 'balance' })
      },
    ],
    [
      'when the order was cancelled',
      paymentHash => service.send(alice, 'order.cancel', { orderId: invoiceOf(paymentHash)?.orderId }),
    ],
  ])('goes back to the payer %s', async (what, happens) => {
    const paymentHash = await invoiced()
    await happens(paymentHash)
    const before = balance()
    await service.accept(paymentHash, what.includes('little') ? priceMsat - 1 : priceMsat)
    for (const type of jobs()) expect(type).toBe('cancel-hold')
    while (jobs().length > 0) expect(await service.endHold(null)).toBe('cancel-hold')
    expect([invoiceOf(paymentHash)?.status, balance()]).toEqual(['cancelled', before])
    expect(owner()).not.toBe(alice.publicKey)
  })

  it('is taken late if the name is still free', async () => {
    const paymentHash = await invoiced()
    await service.advance(1_300)
    await service.accept(paymentHash, priceMsat)
    expect(jobs().sort()).toEqual(['cancel-hold', 'settle-hold'])
    // The wallet takes it before it is asked to give it back, which is then too late.
    while (jobs().length > 0) await service.endHold({ receivedMsat: priceMsat })
    expect(owner()).toBe(alice.publicKey)
  })

  it('of two that race for a name, takes the first and gives the second back', async () => {
    // Bob's hold lapsed, so for a day orders for this name race.
    order(bob)
    await service.walletAnswers('held')
    await service.advance(1_300)
    while (jobs().length > 0) await service.endHold(null)
    const first = await invoiced(alice)
    const second = await invoiced(bob)
    await service.accept(second, priceMsat)
    await service.accept(first, priceMsat)
    expect(last(alice)).toMatchObject({ type: 'invoice.cancelled' })
    expect(jobs().sort()).toEqual(['cancel-hold', 'settle-hold'])
    expect([invoiceOf(first)?.status, invoiceOf(second)?.status]).toEqual(['accepted', 'accepted'])
    for (const type of jobs()) await service.endHold(type === 'settle-hold' ? { receivedMsat: priceMsat } : null)
    expect([balance(alice), balance(bob)]).toEqual([0, 0])
  })

  it('is not ours when no invoice of ours has its hash', async () => {
    await service.accept('ab'.repeat(32), priceMsat)
    expect(jobs()).toEqual([])
  })
})

describe('a hold invoice that nobody need pay', () => {
  it.each<[string, () => unknown]>([
    ['since it has expired', () => service.advance(1_300)],
    [
      'since the order was paid from the balance',
      () => {
        const open = service.environment.reader.range(tables.invoices, []).find(({ row }) => row.status === 'open')
        service.send(alice, 'invoice.pay', { from: 'balance', invoiceId: open?.key[0] })
      },
    ],
    [
      'since it was cancelled and has expired while the wallet was away',
      () => {
        const orders = service.environment.reader.range(tables.orders, [])
        const orderId = orders.find(({ row }) => row.status === 'invoiced')?.key[0]
        service.send(alice, 'order.cancel', { orderId })
        return service.advance(1_300)
      },
    ],
  ])('is ended by the wallet %s', async (_why, happens) => {
    await service.fund(alice, 2_000_000)
    await invoiced()
    await happens()
    expect(jobs()).toEqual(['cancel-hold'])
    await service.endHold(null)
    expect(jobs()).toEqual([])
  })
})

describe('order.cancel', () => {
  const cancel = (orderId: unknown, by = alice) => service.send(by, 'order.cancel', { orderId })

  it('frees what was held, and credits what is paid all the same', async () => {
    order()
    const paymentHash = await service.walletAnswers()
    const orderId = invoiceOf(paymentHash)?.orderId
    expect(cancel(orderId)).toMatchObject({ status: 'ok', body: { order: { status: 'cancelled' } } })
    expect(service.environment.reader.range(tables.holds, [])).toEqual([])
    await service.settle(paymentHash, priceMsat)
    expect([owner(), balance()]).toEqual([undefined, priceMsat])
    expect(last()).toMatchObject({ type: 'order.credited' })
  })

  it('answers the command that still waits for its invoice', async () => {
    const { id } = order()
    const [placed] = service.environment.reader.range(tables.orders, [])
    cancel(placed?.key[0])
    expect(service.resultOf(id, alice)?.body).toMatchObject({ code: 'CONFLICT' })
    await service.walletAnswers('held')
    expect(jobs()).toEqual(['cancel-hold'])
  })

  it('does not let a name be held again and again', async () => {
    const paymentHash = await invoiced()
    cancel(invoiceOf(paymentHash)?.orderId)
    expect(order().status).toBe('pending')
    expect(service.environment.reader.range(tables.holds, [])).toEqual([])
  })

  it('does not let a name be held again before its invoice is made either', async () => {
    order()
    const [placed] = service.environment.reader.range(tables.orders, [])
    cancel(placed?.key[0])
    expect(order().status).toBe('pending')
    expect(service.environment.reader.range(tables.holds, [])).toEqual([])
    expect(service.environment.reader.range(tables.holdCounts, [])).toEqual([])
  })

  it.each<[string, string, () => Promise<readonly [unknown, typeof alice]>]>([
    ['NOT_FOUND', 'there is none', async () => ['0'.repeat(32), alice]],
    ['UNAUTHORIZED', 'it is another’s', async () => [invoiceOf(await invoiced())?.orderId, bob]],
    [
      'CONFLICT',
      'it has expired',
      async () => {
        const paymentHash = await invoiced()
        await service.advance(1_300)
        return [invoiceOf(paymentHash)?.orderId, alice]
      },
    ],
    [
      'ALREADY_PAID',
      'its payment is being taken',
      async () => {
        const paymentHash = await invoiced()
        await service.accept(paymentHash, priceMsat)
        return [invoiceOf(paymentHash)?.orderId, alice]
      },
    ],
  ])('is refused with %s when %s', async (code, _when, prepare) => {
    const [orderId, by] = await prepare()
    expect(cancel(orderId, by).body).toMatchObject({ code })
  })
})
