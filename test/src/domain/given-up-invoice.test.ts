import { afterEach, beforeEach, expect, it } from 'vitest'
import { tables } from '../../../src/store/tables.ts'
import { keyOf, openService, type TestService } from '../service.ts'
import { closeIntact } from './close-intact.ts'

/** The invoice for the rest of a price was given up, since nobody made it for a minute; then it is made, and paid. */

const alice = keyOf(2)
const identifier = 'alice@example.com'
const priceMsat = 1_500_000

let service: TestService
beforeEach(async () => {
  service = await openService()
  await service.fund(alice, 2_000_000)
})
afterEach(() => closeIntact(service))

/** Has the oldest invoice made that is asked for. */
async function made() {
  const paymentHash = await service.walletAnswers()
  const invoiceId = service.environment.reader.get(tables.invoicesByHash, [paymentHash])?.invoiceId ?? ''
  return { paymentHash, invoiceId }
}
const pay = (invoiceId: string, creditMsat: number) =>
  service.send(alice, 'invoice.pay', { from: 'credit', invoiceId, creditMsat })
const statusOf = (invoiceId: string) => service.environment.reader.get(tables.invoices, [invoiceId])?.status
const balance = () => Number(service.query(alice, 'balance.get', {}).body.balanceMsat)
const owner = () => service.query(alice, 'identifier.get', { identifier }).body.owner

it.each([0, 100_000])('is credited when the balance lacks its part: %i before', async creditMsat => {
  service.send(alice, 'identifier.register', { identifier, ...(creditMsat === 0 ? {} : { creditMsat }) })
  const first = await made()
  pay(first.invoiceId, 500_000)
  await service.advance(60)
  // Less than the part is left, and with the payment more.
  service.send(alice, 'balance.withdraw', { lightningAddress: 'a@wallet.example', amountMsat: 1_500_000 })
  const late = await made()
  const [leftMsat, lateMsat] = [balance(), 1_000_000 - creditMsat]
  expect(leftMsat).toBeLessThan(500_000)
  await service.settle(late.paymentHash, lateMsat)
  expect([owner(), balance()]).toEqual([undefined, leftMsat + lateMsat])
  expect(service.notices(alice).at(-1)).toMatchObject({
    type: 'order.credited',
    body: { order: { status: 'invoiced', invoiceId: first.invoiceId } },
  })
  await service.settle(first.paymentHash, priceMsat - creditMsat)
  expect([owner(), balance()]).toEqual([alice.publicKey, leftMsat + lateMsat])
})

it('leaves neither the invoice before it nor the one that was asked for since', async () => {
  service.send(alice, 'identifier.register', { identifier })
  const first = await made()
  pay(first.invoiceId, 400_000)
  await service.advance(60)
  const { id } = pay(first.invoiceId, 300_000)
  const late = await made()
  await service.settle(late.paymentHash, 1_100_000)
  expect(service.resultOf(id, alice)?.body).toMatchObject({ code: 'ALREADY_PAID' })
  const third = await made()
  expect([statusOf(first.invoiceId), statusOf(third.invoiceId)]).toEqual(['expired', 'expired'])
  expect([owner(), balance()]).toEqual([alice.publicKey, 1_600_000])
})

it('does not take the one with it that was asked for since, when it cannot be made after all', async () => {
  service.send(alice, 'identifier.register', { identifier })
  const first = await made()
  pay(first.invoiceId, 400_000)
  await service.advance(60)
  const { id } = pay(first.invoiceId, 300_000)
  await service.walletAnswers('failed')
  expect(service.resultOf(id, alice)).toBeUndefined()
  const third = await made()
  expect(service.resultOf(id, alice)).toMatchObject({ status: 'payment-required' })
  expect([statusOf(first.invoiceId), statusOf(third.invoiceId)]).toEqual(['expired', 'open'])
  await service.settle(third.paymentHash, 1_200_000)
  expect([owner(), balance()]).toEqual([alice.publicKey, 1_700_000])
})
