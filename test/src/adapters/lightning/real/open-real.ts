import { type LightningBackend, LightningUnavailable } from '../../../../../src/adapters/lightning/port.ts'
import type { LightningSetup } from '../contract.ts'
import { never, requestOf } from '../invoice-request.ts'
import { nobodysInvoice } from './invoices.ts'
import { type Deeds, observe } from './observe.ts'
import type { Pair } from './pair.ts'
import { openPaying } from './paying.ts'

/** Where the run's stream has come to, and how many tests it had. */
export type Progress = { tests: number; newest: string | null }

/** As long as a test waits for time to go on. */
const maxWaitSeconds = 7
const roundSeconds = 0.25
/** Core Lightning says that a payment failed only once it cannot be trying any more. */
const maxRounds = 720
const maxHistoryMs = 120_000

/** A fixture in front of real nodes. It leaves nothing under way: what a test held is given back. */
export async function openReal(pair: Pair, progress: Progress): Promise<LightningSetup> {
  const { payer, payerCapabilities, nodeId, prefix, runKey, surroundings } = pair
  const { now, wait } = surroundings
  const keyPrefix = `${runKey}-${++progress.tests}-`
  const deeds: Deeds = { made: new Map(), asked: new Map() }
  const paying = openPaying(pair, keyPrefix)
  /** Preimages of the payer's invoices whose payments wait, by hash. */
  const promised = new Map<string, string>()
  const open = async () => {
    const real = await pair.openBackend()
    return { real, observed: observe(real, pair, deeds) }
  }
  let backend = await open()
  let made = 0
  const requestFor = (what: string, amountMsat: number, expirySeconds: number) =>
    requestOf({ idempotencyKey: `${keyPrefix}${what}-${++made}`, amountMsat, description: 'panda test', expirySeconds })

  const until = async (what: string, isSo: () => Promise<boolean>) => {
    for (let round = 0; round < maxRounds; round++) {
      if (await isSo()) return
      await wait(roundSeconds)
    }
    throw new Error(`${what} takes too long`)
  }
  const outcomeOf = async (paymentHash: string) => {
    const { idempotencyKey = '' } = deeds.asked.get(paymentHash) ?? {}
    return backend.real.lookUpPayment({ idempotencyKey, paymentHash }, never)
  }

  return {
    get backend() {
      return backend.observed
    },
    nodeId: isCustodial(pair) ? null : nodeId,
    prefix,
    keyPrefix,
    now,
    advance: seconds => wait(Math.min(seconds, maxWaitSeconds)),
    pay: bolt11 => paying.pay(backend.real, bolt11),
    fail: () => cannot('fail'),
    refuse: () => cannot('refuse'),
    outsideInvoice: async ({ amountMsat, expirySeconds = 600, fate = 'paid' }) => {
      if (fate === 'failed') return nobodysInvoice({ prefix, amountMsat, timestamp: now(), expirySeconds })
      const { resolutionMsat } = payerCapabilities
      const wholeMsat = Math.ceil(amountMsat / resolutionMsat) * resolutionMsat
      const request = { ...requestFor('outside', wholeMsat, expirySeconds), hold: fate === 'stuck' }
      surroundings.hear?.(request)
      const { bolt11, paymentHash } = await payer.createInvoice(request, never)
      if (request.hold) promised.set(paymentHash, request.preimage)
      return { bolt11, paymentHash }
    },
    decide: async (paymentHash, status) => {
      const preimage = promised.get(paymentHash)
      if (preimage === undefined) throw new Error('there is no such payment under way')
      await until(
        'a payment to the payer',
        async () => (await payer.lookUpInvoice(paymentHash, never)).status === 'accepted',
      )
      if (status === 'paid') await payer.settleHold(preimage, never)
      else await payer.cancelHold(paymentHash, never)
      promised.delete(paymentHash)
      await until('the end of a payment', async () => (await outcomeOf(paymentHash))?.status !== 'unknown')
    },
    start: async () => {
      // Of all that is there, the newest is one that comes now.
      const { bolt11, paymentHash } = await backend.real.createInvoice(requestFor('start', 1_000, 600), never)
      await paying.pay(backend.real, bolt11)
      for await (const one of backend.real.incoming(progress.newest, AbortSignal.timeout(maxHistoryMs))) {
        if (one.paymentHash !== paymentHash || one.cursor === null) continue
        progress.newest = one.cursor
        return one.cursor
      }
      throw new Error('the stream does not come to the newest payment')
    },
    reopen: async () => {
      await backend.real.close()
      backend = await open()
      return backend.observed
    },
    close: async () => {
      for (const [paymentHash, { hold }] of deeds.made) if (hold) await giveBack(backend.real, paymentHash)
      for (const paymentHash of promised.keys()) await giveBack(payer, paymentHash)
      await paying.end()
      for (const [paymentHash, { bolt11 }] of deeds.asked) {
        pair.tally.note('the wallet', bolt11, await outcomeOf(paymentHash).catch(unlessBug))
      }
      await backend.real.close()
    },
  }
}

/** What is settled or given back stays so. */
async function giveBack(backend: LightningBackend, paymentHash: string): Promise<void> {
  await backend.cancelHold(paymentHash, never).catch(unlessBug)
}

function unlessBug(error: unknown): null {
  if (error instanceof LightningUnavailable) return null
  throw error
}

/** Whether its invoices may be of more nodes than one. */
function isCustodial({ kind }: Pair): boolean {
  return kind === 'lnbits' || kind === 'strike' || kind === 'nwc'
}

function cannot(what: string): never {
  throw new Error(`a real node does not ${what} when it is told to`)
}
