import {
  type IncomingPayment,
  type LightningBackend,
  LightningUnavailable,
} from '../../../src/adapters/lightning/port.ts'
import type { Random } from '../../system/random.ts'
import type { Faults } from '../faults.ts'
import { type Life, outsideWorld, type Timeline } from '../timeline.ts'
import type { Incoming, Node } from './node.ts'

/**
 * The node over a network that loses, delays and repeats: a call may fail before or after it did what it was asked for,
 * or do so long after nobody waits for it any more.
 */
export function connectWallet(options: {
  node: Node
  timeline: Timeline
  random: Random
  faults: Faults
  /** The process that is connected: it hears nothing after its end, while what it has asked for may happen yet. */
  life: Life
}): LightningBackend {
  const { node, timeline, random, faults, life } = options
  const { abilities } = node
  const unavailable = () => new LightningUnavailable('the simulated wallet does not answer')

  const call = <T>(signal: AbortSignal, effect: () => T): Promise<T> =>
    new Promise((resolve, reject) => {
      if (signal.aborted) return reject(unavailable())
      const fail = () => timeline.after(random.whole(2_000), life, () => reject(unavailable()))
      const silent = () => signal.addEventListener('abort', () => life.alive && reject(unavailable()))
      const latencyMs = 1 + random.whole(300)
      const fate = faults.call()
      switch (fate) {
        case 'answered':
          timeline.after(latencyMs, outsideWorld, () => {
            try {
              const value = effect()
              timeline.after(latencyMs, life, () => resolve(value))
            } catch (error) {
              timeline.after(latencyMs, life, () => reject(error))
            }
          })
          break
        case 'not-sent':
          fail()
          break
        case 'unanswered':
          timeline.after(latencyMs, outsideWorld, effect)
          if (random.chance(0.5)) fail()
          else silent()
          break
        case 'late':
          timeline.after(20_000 + random.whole(600_000), outsideWorld, effect)
          silent()
          break
        default: {
          const unknown: never = fate
          throw new Error(`no call is ${String(unknown)}`)
        }
      }
    })

  const outcomeOf = (idempotencyKey: string) => {
    const payment = node.outgoing.get(idempotencyKey)
    if (payment === undefined) return null
    const { status, feeMsat, paymentHash, kept } = payment
    if (kept === 'forgotten') return null
    if (status === 'unknown' || kept === 'unknown') return { status: 'unknown' as const }
    return status === 'paid'
      ? { status, feeMsat, preimage: node.preimageOf(paymentHash) }
      : { status, reason: 'there is no way to the payee' }
  }

  return {
    name: 'simulated',
    capabilities: signal => call(signal, () => abilities),
    createInvoice: (request, signal) =>
      call(signal, () => {
        const { bolt11, paymentHash, expiresAt } = node.create(request)
        return { bolt11, paymentHash, expiresAt }
      }),
    lookUpInvoice: (paymentHash, signal) =>
      call(signal, () => {
        const invoice = node.incoming.get(paymentHash)
        if (invoice === undefined) return { status: 'unknown' as const }
        const { status, receivedMsat, at, preimage, expiresAt } = invoice
        if (status === 'settled') return { status, receivedMsat, at, preimage }
        if (status === 'accepted') return { status, receivedMsat, at }
        if (status === 'cancelled') return { status }
        return { status: timeline.now() >= expiresAt ? ('expired' as const) : ('open' as const) }
      }),
    settleHold: (preimage, signal) => call(signal, () => node.settleHold(preimage)),
    cancelHold: (paymentHash, signal) => call(signal, () => node.cancelHold(paymentHash)),
    incoming: cursor => stream(options, cursor),
    pay: async ({ idempotencyKey, bolt11, maxFeeMsat }, signal) => {
      try {
        return await call(signal, () => {
          node.pay(idempotencyKey, bolt11, maxFeeMsat)
          return outcomeOf(idempotencyKey) ?? { status: 'unknown' }
        })
      } catch {
        return { status: 'unknown' }
      }
    },
    lookUpPayment: ({ idempotencyKey }, signal) => call(signal, () => outcomeOf(idempotencyKey)),
    balanceMsat: signal =>
      call(signal, () => {
        const { resolutionMsat } = node.abilities
        const msat = Math.floor(node.balanceMsat() / resolutionMsat) * resolutionMsat
        node.readings.push({ msat, atMs: timeline.nowMs(), paymentCount: node.payments.length })
        return msat
      }),
    check: signal => call(signal, () => undefined),
    close: () => Promise.resolve(),
  }
}

type Told = IncomingPayment & { status: 'accepted' | 'settled' }

/** Settlements in order after the cursor, or, of a node without cursors, only what happens meanwhile, and not all of that. */
async function* stream(
  { node, timeline, random, faults, life }: Parameters<typeof connectWallet>[0],
  cursor: string | null,
): AsyncGenerator<IncomingPayment, void, void> {
  const { abilities } = node
  const queue: Told[] = []
  let wake: () => void = () => undefined
  const tell = ({ paymentHash, receivedMsat, at, status }: Incoming, position: number | null) => {
    if (status !== 'settled' && status !== 'accepted') return
    queue.push({ paymentHash, receivedMsat, at, status, cursor: position === null ? null : String(position) })
    wake()
  }
  let told = abilities.cursor ? Number(cursor ?? 0) : node.settlements.length
  const catchUp = () => {
    for (const invoice of node.settlements.slice(told)) tell(invoice, ++told)
  }
  if (abilities.cursor) catchUp()
  for (const invoice of node.incoming.values()) if (invoice.status === 'accepted') tell(invoice, null)
  const listener = (invoice: Incoming) => {
    if (!abilities.cursor && faults.losesNotice()) return
    timeline.after(random.whole(faults.losesNotice() ? 30_000 : 500), life, () => {
      if (abilities.cursor && invoice.status === 'settled') catchUp()
      else tell(invoice, null)
    })
  }
  node.listeners.add(listener)
  try {
    for (;;) {
      if (faults.breaksStream()) throw new LightningUnavailable('the simulated stream broke')
      const next = queue.shift()
      if (next === undefined) {
        await new Promise<void>(resolve => {
          wake = resolve
        })
        continue
      }
      yield next
      if (faults.losesNotice()) yield next
    }
  } finally {
    node.listeners.delete(listener)
  }
}
