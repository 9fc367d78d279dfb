import { afterEach, beforeEach, expect, it } from 'vitest'
import { openPayingWallet } from '../../../src/adapters/lightning/nwc/payer.ts'
import { openWebSocket } from '../../../src/adapters/lightning/nwc/relay-connection.ts'
import { cancelHoldWorker, settleHoldWorker } from '../../../src/jobs/holds.ts'
import { createInvoiceWorker, lookUpInvoiceWorker } from '../../../src/jobs/invoices.ts'
import { payInvoiceWorker } from '../../../src/jobs/payments.ts'
import { preimagesOf } from '../../../src/jobs/preimages.ts'
import { type JobRunner, startJobRunner } from '../../../src/jobs/runner.ts'
import { secretsForJobs } from '../../../src/jobs/secrets.ts'
import { followHint, followSettlements } from '../../../src/jobs/settlements.ts'
import { ownStateOf, payByWalletWorker } from '../../../src/jobs/wallet-payments.ts'
import { tables } from '../../../src/store/tables.ts'
import { never } from '../adapters/lightning/invoice-request.ts'
import { type LocalRelay, startRelay } from '../adapters/lightning/nwc/local-relay.ts'
import { startWalletService, type WalletService } from '../adapters/lightning/nwc/wallet-service.ts'
import { type DevWalletFixture, openDevWallet } from '../adapters/lightning/open-dev-wallet.ts'
import { contradictions } from '../domain/books.ts'
import { keyOf, openService, type TestService } from '../service.ts'
import { rememberedIn } from './remembered.ts'

const alice = keyOf(2)
const relayName = 'wss://wallet.example/'

let service: TestService
let ours: DevWalletFixture
let theirs: DevWalletFixture
let relay: LocalRelay
let wallet: WalletService
let runner: JobRunner
let stopping: AbortController
let following: Promise<void>
let errors: unknown[]
beforeEach(async () => {
  service = await openService()
  ours = await openDevWallet()
  theirs = await openDevWallet()
  relay = await startRelay()
  const now = () => service.clock.time
  wallet = await startWalletService({ node: theirs.backend, relays: [relay.url], now, cut: id => relay.cut(id) })
  wallet.answerBy('pay_invoice', payOurs)
  stopping = new AbortController()
  errors = []
  const { environment, secrets } = service
  const onError = (error: unknown) => errors.push(error)
  const appendFact: TestService['appendFact'] = async fact => {
    const isNews = await service.appendFact(fact)
    runner.wake()
    return isNews
  }
  const { signal } = stopping
  const settling = { environment, walletId: 'test', backend: ours.backend, appendFact, signal, onError }
  const asked = new Set<string>()
  const remembered = rememberedIn(asked)
  const preimageOf = preimagesOf(Buffer.alloc(32, 7))
  runner = startJobRunner({
    environment,
    appendFact,
    workers: {
      'create-invoice': createInvoiceWorker(ours.backend, preimageOf, {
        currency: () => 'bcrt',
        now,
        wallSeconds: now,
        report: onError,
      }),
      'look-up-invoice': lookUpInvoiceWorker(ours.backend),
      'settle-hold': settleHoldWorker(ours.backend, preimageOf, now),
      'cancel-hold': cancelHoldWorker(ours.backend, now),
      'resolve-address': { attempt: () => Promise.resolve(null), giveUp: () => null },
      'pay-invoice': payInvoiceWorker({
        backend: ours.backend,
        isOpen: () => true,
        asked: remembered,
        now,
        report: onError,
      }),
      'pay-by-wallet': payByWalletWorker({
        stateOf: ownStateOf(environment.reader),
        ...secretsForJobs({
          secrets,
          applyLocally: (apply, done) => done({ ok: true, value: environment.root.transactionSync(apply) }),
          now,
        }),
        connect: uri => {
          const opened = openPayingWallet({ uri, now, connect: () => openWebSocket(relay.url) })
          return opened === null ? null : { ...opened, isPrivate: () => false }
        },
        asked: remembered,
        lookAt: paymentHash => followHint(settling, paymentHash),
        now,
        tryForSeconds: () => 60,
        signal,
      }),
    },
    now,
    tryForSeconds: () => 60,
    onError,
  })
  following = followSettlements(settling)
})
afterEach(async () => {
  stopping.abort()
  await runner.stop()
  await following
  await wallet.close()
  await relay.close()
  await theirs.close()
  await ours.close()
  expect(errors).toEqual([])
  expect(service.errors).toEqual([])
  expect(contradictions(service.environment)).toEqual([])
  await service.close()
})

/** Pays an invoice of ours, and has the proof when it was taken. */
async function payOurs({ invoice }: Record<string, unknown>): Promise<object> {
  await ours.pay(String(invoice))
  const [{ key: paymentHash } = { key: [''] as const }] = service.environment.reader
    .range(tables.invoicesByHash, [])
    .filter(({ row }) => service.environment.reader.get(tables.invoices, [row.invoiceId])?.bolt11 === invoice)
  for (;;) {
    const state = await ours.backend.lookUpInvoice(paymentHash[0], never)
    if (state.status === 'settled') return { error: null, result: { preimage: state.preimage, fees_paid: 0 } }
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}

const invoice = () => service.environment.reader.range(tables.invoices, []).at(-1)
const asks = () => wallet.calls.filter(({ method }) => method === 'pay_invoice').length
const keep = () => {
  const secret = wallet.uri.replace(encodeURIComponent(relay.url), encodeURIComponent(relayName))
  return String(service.call(alice, 'secret.put', { kind: 'nwc', secret }).body.handle)
}
const patience = { timeout: 10_000, interval: 20 }

it.each(['ordinary', 'answer lost'])(
  'a hold invoice is paid by the connected wallet, claimed and taken: %s',
  async what => {
    service.send(alice, 'identifier.register', { identifier: 'alice@example.com' })
    runner.wake()
    await expect.poll(() => invoice()?.row.status, patience).toBe('open')
    expect(invoice()?.row.hold).toBe(true)
    if (what === 'answer lost') wallet.fail('pay', 'drop-after')
    const handle = keep()
    const params = { from: 'wallet', invoiceId: invoice()?.key[0], handle, forget: true }
    const { id } = service.send(alice, 'invoice.pay', params)
    runner.wake()
    await expect.poll(() => service.resultOf(id, alice)?.status, patience).toBe('ok')
    await expect.poll(() => service.environment.reader.range(tables.jobs, []), patience).toEqual([])
    expect(service.resultOf(id, alice)?.body).toMatchObject({ order: { status: 'fulfilled' } })
    expect(service.query(alice, 'identifier.get', { identifier: 'alice@example.com' }).status).toBe('ok')
    expect([asks(), service.secrets.open(alice.publicKey, handle)]).toEqual([1, null])
  },
)

it('a name near its end is renewed by the connected wallet', async () => {
  await service.fund(alice, 1_500_000)
  service.send(alice, 'identifier.register', { identifier: 'alice@example.com', pay: 'balance' })
  const expiresAt = () => service.environment.reader.get(tables.identifiers, ['example.com', 'alice'])?.expiresAt ?? 0
  const end = expiresAt()
  const handle = keep()
  service.send(alice, 'renewal.set_budget', { handle, budgetMsat: 1_500_000 })
  service.send(alice, 'renewal.set', {
    identifier: 'alice@example.com',
    from: 'wallet',
    handle,
    maxMsat: 1_500_000,
  })
  const seconds = end - 7 * 86_400 - service.clock.time
  for (const wallets of [ours, theirs]) wallets.advance(seconds)
  await service.advance(seconds)
  runner.wake()
  await expect.poll(expiresAt, patience).toBe(end + 365 * 86_400)
  await expect.poll(() => service.environment.reader.range(tables.jobs, []), patience).toEqual([])
  expect(asks()).toBe(1)
  expect(service.secrets.open(alice.publicKey, handle)).not.toBeNull()
})
