import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { keyOf, openService, operator, type TestService, testSettings } from '../service.ts'
import { contradictions } from './books.ts'

const alice = keyOf(2)

let service: TestService
beforeEach(async () => {
  service = await openService()
  await service.fund(alice, 1_000_000)
})
afterEach(async () => {
  expect(service.errors).toEqual([])
  expect(contradictions(service.environment)).toEqual([])
  await service.close()
})

const place = (items: object[], params: object = {}) =>
  service.send(alice, 'order.place', { items, pay: 'balance', ...params })
const sold = () => service.notices(operator).filter(({ type }) => type === 'item.sold')

describe('things on the price list', () => {
  it('are listed with their prices', () => {
    expect(service.query(alice, 'item.list', {}).body).toEqual({ items: testSettings.items })
  })

  it('are bought, several at once, and the operator is told', () => {
    expect(place([{ itemId: 'sticker' }, { itemId: 'sticker', quantity: 3 }])).toMatchObject({
      status: 'ok',
      body: { order: { status: 'fulfilled', totalMsat: 20_000 } },
    })
    expect(service.query(alice, 'balance.get', {}).body.balanceMsat).toBe(980_000)
    expect(sold().map(({ body }) => [body.itemId, body.quantity, body.account])).toEqual([
      ['sticker', 1, alice.publicKey],
      ['sticker', 3, alice.publicKey],
    ])
  })

  it('are paid by invoice too', async () => {
    place([{ itemId: 'sticker' }], { pay: 'invoice' })
    const paymentHash = await service.walletAnswers('held')
    await service.accept(paymentHash, 5_000)
    expect(sold()).toEqual([])
    await service.endHold({ receivedMsat: 5_000 })
    expect(sold()).toHaveLength(1)
  })

  it('cannot be bought when they are not there, or for more than there is', () => {
    expect(place([{ itemId: 'sticker' }, { itemId: 'poster' }]).body).toMatchObject({ code: 'NOT_FOUND' })
    expect(place([{ itemId: 'sticker', quantity: 201 }]).body).toMatchObject({ code: 'INSUFFICIENT_BALANCE' })
    expect(sold()).toEqual([])
  })
})
