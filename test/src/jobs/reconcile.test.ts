import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { signInvoice } from '../../../src/adapters/lightning/dev-wallet/sign-invoice.ts'
import { LightningUnavailable } from '../../../src/adapters/lightning/port.ts'
import { paymentEnded } from '../../../src/domain/billing/withdraw-facts.ts'
import { machineWaits } from '../../../src/jobs/pause.ts'
import { reconcileIfDue } from '../../../src/jobs/reconcile.ts'
import { tables } from '../../../src/store/tables.ts'
import { never } from '../adapters/lightning/invoice-request.ts'
import { keyOf, openService, operator, type TestService } from '../service.ts'
import { silentBackend } from './silent-backend.ts'

const alice = keyOf(2)
const day = 86_400
/** What the operator keeps in the wallet besides. */
const ownMsat = 700_000

const able = {
  hold: false,
  descriptionHash: true,
  pay: true,
  limitsFees: true,
  knowsItsPayments: true,
  maxDescriptionLength: 100,
}

let service: TestService
let balanceMsat: number
let resolutionMsat: 1 | 1_000
beforeEach(async () => {
  service = await openService()
  balanceMsat = ownMsat
  resolutionMsat = 1
})
afterEach(async () => {
  expect(service.errors).toEqual([])
  await service.close()
})

const reconcile = (
  ask: (signal: AbortSignal) => Promise<number> = async () => balanceMsat,
  meanwhile: () => Promise<void> = async () => undefined,
  signal: AbortSignal = never,
) =>
  reconcileIfDue({
    environment: service.environment,
    appendFact: service.appendFact,
    walletId: 'test',
    backend: {
      ...silentBackend('test'),
      capabilities: async () => ({ ...able, resolutionMsat }),
      balanceMsat: ask,
    },
    now: () => service.clock.time,
    signal,
    onError: () => undefined,
    waits: { ...machineWaits, timeout: () => machineWaits.timeout(1), pause: meanwhile },
  })
/** Has alice withdraw to an invoice of somebody's. */
const withdraw = (amountMsat: number) => {
  const paymentHash = amountMsat.toString(16).padStart(64, '0')
  const timestamp = service.clock.time
  const secrets = { paymentHash, paymentSecret: 'bb'.repeat(32) }
  const fields = { ...secrets, amountMsat, description: '', timestamp, expirySeconds: 600 }
  const bolt11 = signInvoice(fields, Buffer.alloc(32, 9))
  service.send(alice, 'balance.withdraw', { bolt11, maxFeeMsat: 1_000 })
}
/** The wallet has paid what is under way. */
const paid = async (feeMsat: number) => {
  const [job] = service.environment.reader.range(tables.jobs, []).filter(({ row }) => row.type === 'pay-invoice')
  if (job === undefined) throw new Error('nothing is to be paid')
  const { withdrawalId } = job.row.payload as { withdrawalId: string }
  const params = { jobId: job.key[0], withdrawalId, outcome: { status: 'paid', preimage: '', feeMsat } }
  await service.appendFact({ method: paymentEnded, params, dedupeKey: `payment:${withdrawalId}:ended` })
}
const listed = (key = operator) => service.query(key, 'wallet.reconciliations', {}).body
const notices = () => service.notices(operator).filter(({ type }) => type === 'wallet.difference')

describe('comparing the wallet with the ledger', () => {
  it('is done once a day', async () => {
    expect(await reconcile()).toBe(true)
    expect(await reconcile()).toBe(false)
    service.clock.time += day - 1
    expect(await reconcile()).toBe(false)
    service.clock.time += 1
    expect(await reconcile()).toBe(true)
    expect(listed().reconciliations).toHaveLength(2)
  })

  it('does not wait for ever for an answer that does not come', async () => {
    const unanswered = (signal: AbortSignal) =>
      new Promise<never>((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(new LightningUnavailable('no answer')))
      })
    await expect(reconcile(unanswered)).rejects.toThrow('no answer')
  })

  it('says nothing while both change alike', async () => {
    await reconcile()
    await service.fund(alice, 50_000)
    balanceMsat += 50_000
    service.clock.time += day
    await reconcile()
    expect(listed()).toMatchObject({
      reconciliations: [
        { backend: 'test', balanceMsat: 750_000, ledgerMsat: 50_000, changeMsat: 0 },
        { balanceMsat: ownMsat, ledgerMsat: 0, changeMsat: 0 },
      ],
    })
    expect(notices()).toEqual([])
  })

  it.each([
    ['was asked', 50_000],
    ['answered', 0],
  ])('takes what came when it %s, and was booked later, for none that nobody has booked', async (_when, hasMsat) => {
    await reconcile()
    service.clock.time += day
    const booked = async () => {
      service.clock.time += 600
      await service.fund(alice, 50_000)
    }
    await reconcile(async () => balanceMsat + hasMsat, booked)
    balanceMsat += 50_000
    service.clock.time += day
    await reconcile()
    expect(notices()).toEqual([])
    expect(listed().reconciliations).toMatchObject([
      { changeMsat: 0, unbookedMinMsat: ownMsat, unbookedMaxMsat: ownMsat },
      { changeMsat: 0, ledgerMsat: 0, arrivedMsat: 50_000 },
      { changeMsat: 0 },
    ])
  })

  it('counts what was booked in its second before it once, and what was booked later in that second too', async () => {
    await service.fund(alice, 50_000)
    balanceMsat += 50_000
    withdraw(30_000)
    await reconcile(async () => {
      await service.fund(alice, 4_000)
      return balanceMsat
    })
    const [unbookedMinMsat, unbookedMaxMsat] = [ownMsat - 4_000, ownMsat + 31_000]
    expect(listed().reconciliations).toMatchObject([
      { arrivedMsat: 4_000, underWayMsat: 31_000, unbookedMinMsat, unbookedMaxMsat },
    ])
  })

  it('counts what was booked shortly before it and is seen only later', async () => {
    await reconcile()
    service.clock.time += day
    await reconcile(async () => {
      service.clock.time -= 3
      await service.fund(alice, 4_000)
      service.clock.time += 3
      return balanceMsat + 4_000
    })
    expect(notices()).toEqual([])
    expect(listed()).toMatchObject({ reconciliations: [{ arrivedMsat: 4_000, changeMsat: 0 }, {}] })
  })

  it('takes a payment that was begun while it was asked for none that nobody has booked', async () => {
    await service.fund(alice, 50_000)
    balanceMsat += 50_000
    service.clock.time += 1
    await reconcile()
    service.clock.time += day
    await reconcile(async () => {
      withdraw(30_000)
      return balanceMsat - 30_500
    })
    expect(notices()).toEqual([])
    // One that was begun after the answer explains nothing.
    service.clock.time += day
    const later = async () => {
      service.clock.time += 1
      withdraw(1_000)
    }
    await reconcile(async () => balanceMsat - 31_001, later)
    expect(notices().map(({ body }) => body)).toMatchObject([{ changeMsat: -1 }])
  })

  it('is not made of an answer from before the end of the process', async () => {
    const ending = new AbortController()
    const end = async () => ending.abort()
    expect(await reconcile(undefined, end, ending.signal)).toBe(false)
    expect(listed().reconciliations).toEqual([])
  })

  it('tells operators of what nobody has booked, once', async () => {
    await reconcile()
    balanceMsat -= 1_234
    for (let index = 0; index < 2; index++) {
      service.clock.time += day
      await reconcile()
    }
    expect(notices().map(({ body }) => body)).toMatchObject([{ backend: 'test', changeMsat: -1_234 }])
  })

  it('takes a payment under way for none that nobody has booked, wherever its money is', async () => {
    await reconcile()
    await service.fund(alice, 50_000)
    balanceMsat += 50_000
    withdraw(30_000)
    for (const spentMsat of [30_500, 0, 30_500]) {
      service.clock.time += day
      balanceMsat -= spentMsat
      await reconcile()
      balanceMsat += spentMsat
    }
    expect(notices()).toEqual([])
    // What is more than the payment explains is nobody's.
    service.clock.time += day
    balanceMsat -= 31_001
    await reconcile()
    expect(notices().map(({ body }) => body)).toMatchObject([{ changeMsat: -1 }])
  })

  it('takes what a payment has cost over its limit, and was booked later, for none that nobody has booked', async () => {
    await service.fund(alice, 50_000)
    balanceMsat += 50_000
    withdraw(30_000)
    service.clock.time += day
    // 30,000 and 1,000 for the fee were set aside.
    balanceMsat -= 32_500
    const booked = async () => {
      service.clock.time += 600
      await paid(2_500)
    }
    await reconcile(undefined, booked)
    service.clock.time += day
    await reconcile()
    expect(notices()).toEqual([])
    expect(listed().reconciliations).toMatchObject([
      { changeMsat: 0, unbookedMinMsat: ownMsat, unbookedMaxMsat: ownMsat },
      { changeMsat: 0, underWayMsat: 32_500 },
    ])
  })

  it('takes what a wallet leaves out that counts in satoshis for none that nobody has booked, and no more', async () => {
    resolutionMsat = 1_000
    const whole = async () => Math.floor(balanceMsat / 1_000) * 1_000
    await service.fund(alice, 50_000)
    balanceMsat += 50_000
    // Fees are in millisatoshi.
    for (const paidMsat of [0, 10_404, 5_300, 7_999]) {
      service.clock.time += day
      if (paidMsat > 0) {
        withdraw(paidMsat - (paidMsat % 1_000))
        await paid(paidMsat % 1_000)
        balanceMsat -= paidMsat
        service.clock.time += 1
      }
      await reconcile(whole)
    }
    expect(notices()).toEqual([])
    service.clock.time += day
    balanceMsat -= 1_000
    await reconcile(whole)
    expect(notices().map(({ body }) => body)).toMatchObject([{ changeMsat: expect.any(Number) }])
  })

  it('is made of a wallet that has less than nothing', async () => {
    await reconcile()
    service.clock.time += day
    balanceMsat = -5_000
    expect(await reconcile()).toBe(true)
    expect(notices().map(({ body }) => body)).toMatchObject([{ balanceMsat: -5_000, changeMsat: -705_000 }])
  })

  it('is put off while the wallet does not answer', async () => {
    await expect(reconcile(() => Promise.reject(new LightningUnavailable('away')))).rejects.toThrow(
      LightningUnavailable,
    )
    expect(await reconcile()).toBe(true)
  })

  it('is shown to operators alone', () => {
    expect(listed(alice)).toMatchObject({ code: 'UNAUTHORIZED' })
  })
})
