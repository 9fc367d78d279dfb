import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openPayingWallet } from '../../../src/adapters/lightning/nwc/payer.ts'
import { openWebSocket } from '../../../src/adapters/lightning/nwc/relay-connection.ts'
import type { Job } from '../../../src/jobs/job.ts'
import { secretsForJobs } from '../../../src/jobs/secrets.ts'
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
const bob = keyOf(3)
const priceMsat = 1_500_000
const relayName = 'wss://wallet.example/'

let service: TestService
let theirs: DevWalletFixture
let relay: LocalRelay
let wallet: WalletService
const asked = new Set<string>()
let lookedAt: string[]
let stopping: AbortController
/** Whether our own backend has the money when it is looked at. */
let hasArrived: boolean
let isPrivate: boolean
beforeEach(async () => {
  service = await openService()
  theirs = await openDevWallet()
  relay = await startRelay()
  const now = () => service.clock.time
  wallet = await startWalletService({ node: theirs.backend, relays: [relay.url], now, cut: id => relay.cut(id) })
  asked.clear()
  lookedAt = []
  stopping = new AbortController()
  hasArrived = true
  isPrivate = false
})
afterEach(async () => {
  stopping.abort()
  await wallet.close()
  await relay.close()
  await theirs.close()
  expect(service.errors).toEqual([])
  expect(contradictions(service.environment)).toEqual([])
  await service.close()
})

/** Orders a name, and has the customer's wallet asked for its price; gives the job. */
async function paying(more: object = {}, by = alice) {
  service.send(alice, 'identifier.register', { identifier: 'alice@example.com' })
  const paymentHash = await service.walletAnswers()
  const { invoiceId = '' } = service.environment.reader.get(tables.invoicesByHash, [paymentHash]) ?? {}
  service.send(bob, 'referral.create', {})
  const secret = wallet.uri.replace(encodeURIComponent(relay.url), encodeURIComponent(relayName))
  const handle = String(service.call(by, 'secret.put', { kind: 'nwc', secret }).body.handle)
  const { id } = service.send(alice, 'invoice.pay', { from: 'wallet', invoiceId, handle, ...more })
  return { job: jobNow(), paymentHash, handle, commandId: id }
}
function jobNow() {
  const [found] = service.environment.reader.range(tables.jobs, []).filter(({ row }) => row.type === 'pay-by-wallet')
  if (found === undefined) throw new Error('no wallet is to pay')
  return { id: found.key[0], ...found.row } as Job & { type: 'pay-by-wallet' }
}

const remembered = rememberedIn(asked)
const worker = (changes: Partial<Parameters<typeof payByWalletWorker>[0]> = {}) =>
  payByWalletWorker({
    stateOf: ownStateOf(service.environment.reader),
    ...secretsForJobs({
      secrets: service.secrets,
      applyLocally: (apply, done) => done({ ok: true, value: service.environment.root.transactionSync(apply) }),
      now: () => service.clock.time,
    }),
    connect: uri => {
      const connect = (url: string) => {
        expect(url).toBe(relayName)
        if (isPrivate) throw new Error('not public')
        return openWebSocket(relay.url)
      }
      const opened = openPayingWallet({ uri, now: () => service.clock.time, connect, pace: { retryMinMs: 1 } })
      return opened === null ? null : { ...opened, isPrivate: () => isPrivate }
    },
    asked: remembered,
    lookAt: async paymentHash => {
      lookedAt.push(paymentHash)
      if (hasArrived) await service.settle(paymentHash, priceMsat)
    },
    now: () => service.clock.time,
    tryForSeconds: () => 60,
    signal: stopping.signal,
    ...changes,
  })
const asks = () => wallet.calls.filter(({ method }) => method === 'pay_invoice')
const says = (answer: object | null) => wallet.answer('pay_invoice', answer)
const paid = { error: null, result: { preimage: 'aa'.repeat(32), fees_paid: 0 } }
const error = (code: string) => ({ error: { code, message: 'words of its own' }, result: null })
const ended = (outcome: object) => ({ params: { outcome } })

describe("having a customer's wallet pay", () => {
  it('ends when our own backend has the money, which it is asked about then', async () => {
    const { job, paymentHash, commandId, handle } = await paying()
    says(paid)
    const fact = await worker().attempt(job, never)
    expect(fact).toMatchObject(ended({ status: 'paid' }))
    expect(lookedAt).toEqual([paymentHash])
    expect(asks().map(({ params }) => params)).toEqual([{ invoice: job.payload.bolt11 }])
    if (fact !== null) await service.appendFact(fact)
    expect(service.resultOf(commandId, alice)).toMatchObject({ status: 'ok', body: { order: { status: 'fulfilled' } } })
    expect(service.secrets.open(alice.publicKey, handle)).not.toBeNull()
  })

  it.each(['connecting', 'remembering'])(
    'asks nothing of it in a try that ends while it is %s, as the next may have begun by then',
    async last => {
      const { job } = await paying()
      const ended = new AbortController()
      const uri = wallet.uri.replace(encodeURIComponent(relay.url), encodeURIComponent(relayName))
      const connect = () => {
        const opened = openPayingWallet({
          uri,
          now: () => service.clock.time,
          connect: () => openWebSocket(relay.url),
          pace: { retryMinMs: 1 },
        })
        if (opened === null) throw new Error('it is no wallet')
        const slow = async () => {
          await opened.connect(never)
          ended.abort()
        }
        return { ...opened, isPrivate: () => false, ...(last === 'connecting' ? { connect: slow } : {}) }
      }
      const memory = last === 'connecting' ? remembered : { ...remembered, add: async () => ended.abort() }
      expect(await worker({ connect, asked: memory }).attempt(job, ended.signal)).toBe(null)
      expect([asks(), asked.size]).toEqual([[], 0])
      says(paid)
      expect(await worker().attempt(job, never)).toMatchObject({ params: { outcome: { status: 'paid' } } })
    },
  )

  it('needs no word of it when the money has come', async () => {
    const { job, paymentHash } = await paying()
    await service.settle(paymentHash, priceMsat)
    expect(await worker().attempt(job, never)).toMatchObject(ended({ status: 'paid' }))
    expect(asks()).toEqual([])
    await service.customerWalletSays({ status: 'paid' })
  })

  it('does not end because the wallet says that it has paid', async () => {
    const { job } = await paying()
    hasArrived = false
    says(paid)
    const one = worker()
    expect(await one.attempt(job, never)).toBe(null)
    expect(await one.attempt(job, never)).toBe(null)
    expect(asks()).toHaveLength(1)
    service.clock.time = job.payload.expiresAt + 121
    expect(await one.attempt(job, never)).toMatchObject(ended({ status: 'unknown' }))
  })

  it.each(['INSUFFICIENT_BALANCE', 'QUOTA_EXCEEDED', 'RESTRICTED', 'UNAUTHORIZED', 'RATE_LIMITED', 'PAYMENT_FAILED'])(
    'fails when it says %s',
    async code => {
      const { job } = await paying()
      says(error(code))
      expect(await worker().attempt(job, never)).toMatchObject(ended({ status: 'failed', code }))
    },
  )

  it.each(['INTERNAL', 'NOT_FOUND', 'SOMETHING_ELSE'])(
    'is unknown when it says %s, until a look-up says that it failed',
    async code => {
      const { job } = await paying()
      says(error(code))
      wallet.answer('lookup_invoice', error('RESTRICTED'))
      const one = worker()
      expect(await one.attempt(job, never)).toBe(null)
      expect(await one.attempt(job, never)).toBe(null)
      const row = { type: 'outgoing', payment_hash: job.payload.paymentHash, amount: priceMsat, created_at: 1 }
      wallet.answer('lookup_invoice', { error: null, result: { ...row, state: 'failed' } })
      expect(await one.attempt(job, never)).toMatchObject(ended({ status: 'failed', code: 'PAYMENT_FAILED' }))
      expect(asks()).toHaveLength(1)
    },
  )

  it.each(['unavailable', 'drop-after'] as const)('asks once when the answer is lost: %s', async fault => {
    const { job } = await paying()
    says(paid)
    wallet.fail('pay', fault)
    wallet.answer('lookup_invoice', error('NOT_FOUND'))
    const one = worker()
    expect(await one.attempt(job, never)).toBe(null)
    expect(await one.attempt(job, never)).toBe(null)
    expect(asks()).toHaveLength(1)
    await service.settle(job.payload.paymentHash, priceMsat)
    expect(await one.attempt(job, never)).toMatchObject(ended({ status: 'paid' }))
    await service.customerWalletSays({ status: 'paid' })
  })

  it('asks once when it takes longer than a try, whose answer the next one has', async () => {
    const { job } = await paying()
    let answer: (value: object) => void = () => undefined
    let reached: () => void = () => undefined
    const isReached = new Promise<void>(resolve => {
      reached = resolve
    })
    wallet.answerBy('pay_invoice', () => {
      reached()
      return new Promise<object>(resolve => {
        answer = resolve
      })
    })
    const one = worker()
    const impatient = new AbortController()
    const first = one.attempt(job, impatient.signal)
    await isReached
    impatient.abort()
    expect(await first).toBe(null)
    const second = one.attempt(job, never)
    answer(error('INSUFFICIENT_BALANCE'))
    expect(await second).toMatchObject(ended({ status: 'failed', code: 'INSUFFICIENT_BALANCE' }))
    expect(asks()).toHaveLength(1)
  })

  it('asks not again after a crash, and looks up what became of it', async () => {
    const { job } = await paying()
    asked.add(job.id)
    const row = { type: 'outgoing', payment_hash: job.payload.paymentHash, amount: priceMsat, created_at: 1 }
    wallet.answer('lookup_invoice', { error: null, result: { ...row, state: 'settled' } })
    expect(await worker().attempt(job, never)).toMatchObject(ended({ status: 'paid' }))
    expect([lookedAt, asks()]).toEqual([[job.payload.paymentHash], []])
    await service.customerWalletSays({ status: 'paid' })
  })

  it('is remembered before it is asked', async () => {
    const { job } = await paying()
    const forgetful = { ...remembered, has: () => false, add: () => Promise.reject(new Error('no space')) }
    await expect(worker({ asked: forgetful }).attempt(job, never)).rejects.toThrow('no space')
    expect(asks()).toEqual([])
  })

  it('waits for a payment that has arrived and is being taken, whatever the wallet says', async () => {
    const { job } = await paying()
    says(error('PAYMENT_FAILED'))
    const one = worker({ stateOf: () => (asks().length === 0 ? 'open' : 'accepted') })
    expect(await one.attempt(job, never)).toBe(null)
    service.clock.time = job.payload.expiresAt + 121
    expect(await one.attempt(job, never)).toBe(null)
  })
})

describe('a wallet that cannot be had', () => {
  it('is tried until the command is answered, and was not asked', async () => {
    const { job } = await paying()
    await relay.close()
    const one = worker()
    expect(await one.attempt(job, never)).toBe(null)
    service.clock.time += 60
    expect(await one.attempt(job, never)).toMatchObject(ended({ status: 'unreachable' }))
    expect(asked.size).toBe(0)
  })

  it('is not asked when nobody waits for it any more', async () => {
    const { job } = await paying()
    service.clock.time += 60
    expect(await worker().attempt(job, never)).toMatchObject(ended({ status: 'unreachable' }))
    expect(asks()).toEqual([])
  })

  it('has failed when its relay is at a private address', async () => {
    const { job } = await paying()
    isPrivate = true
    expect(await worker().attempt(job, never)).toMatchObject(ended({ status: 'failed', code: 'PRIVATE_ADDRESS' }))
    expect(asked.size).toBe(0)
  })

  it('has failed when the secret is of another account, or erased', async () => {
    const { job } = await paying({}, bob)
    expect(await worker().attempt(job, never)).toMatchObject(ended({ status: 'failed', code: 'NO_SECRET' }))
  })

  it('is not asked for what is paid otherwise', async () => {
    await service.fund(alice, 2_000_000)
    const { job } = await paying()
    service.send(alice, 'invoice.pay', { from: 'balance', invoiceId: job.payload.invoiceId })
    expect(await worker().attempt(job, never)).toMatchObject(ended({ status: 'failed', code: 'CANCELLED' }))
    expect(asks()).toEqual([])
  })
})

describe('a connection that is to be forgotten', () => {
  it.each([
    ['paid', paid],
    ['failed', error('INSUFFICIENT_BALANCE')],
  ])('is erased when it has %s, and not before', async (_status, answer) => {
    const { job, handle } = await paying({ forget: true })
    says(null)
    const one = worker()
    expect(await one.attempt(job, AbortSignal.timeout(50))).toBe(null)
    expect(service.secrets.open(alice.publicKey, handle)).not.toBeNull()
    asked.clear()
    says(answer)
    expect(await worker().attempt(job, never)).not.toBe(null)
    expect(service.secrets.open(alice.publicKey, handle)).toBeNull()
    await service.customerWalletSays({ status: 'paid' })
  })
})
