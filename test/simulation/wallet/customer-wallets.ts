import { LightningUnavailable } from '../../../src/adapters/lightning/port.ts'
import type { StrangersWallet } from '../../../src/jobs/wallet-payments.ts'
import type { Random } from '../../system/random.ts'
import type { Faults } from '../faults.ts'
import { type Life, outsideWorld, type Timeline } from '../timeline.ts'
import type { Node } from './node.ts'

type Word = Awaited<ReturnType<StrangersWallet['pay']>>

/** How long a wallet that says nothing is waited for. */
const silentMs = 60_000
const longestLookMs = 60_000
const unknown: Word = { status: 'unknown' }
const refused: Word = { status: 'failed', code: 'PAYMENT_FAILED' }

/** Customers' own wallets, in truth: how often each payment was asked for, and what they say became of it. */
export type CustomerWallets = ReturnType<typeof createCustomerWallets>

/** Makes wallets that pay through the node; some refuse, say nothing, pay late, or say what is not so. */
export function createCustomerWallets(options: { node: Node; timeline: Timeline; random: Random; faults: Faults }) {
  const { node, timeline, random, faults } = options
  /** payment hash → how often it was asked for. */
  const askedTimes = new Map<string, number>()
  const words = new Map<string, Word>()

  const send = (paymentHash: string): boolean => {
    const invoice = node.incoming.get(paymentHash)
    return invoice !== undefined && node.receive(paymentHash, invoice.request.amountMsat)
  }
  /** Says what became of a payment that the node took, once it is settled or goes back. */
  const whenOver = (paymentHash: string, say: (word: Word) => void, afterMs = 500): void => {
    timeline.after(afterMs, outsideWorld, () => {
      const status = node.incoming.get(paymentHash)?.status
      if (status === 'accepted') whenOver(paymentHash, say, Math.min(longestLookMs, afterMs * 2))
      else say(status === 'settled' ? { status: 'paid' } : refused)
    })
  }

  return {
    askedTimes,
    wordOn: (paymentHash: string): Word => words.get(paymentHash) ?? unknown,
    /** Asks for a payment; `say` hears what the wallet says of it, unless it says nothing. */
    pay: (bolt11: string, say: (word: Word) => void): void => {
      const paymentHash = [...node.incoming.values()].find(one => one.bolt11 === bolt11)?.paymentHash
      if (paymentHash === undefined) throw new Error('a wallet is to pay what is no invoice of the service')
      askedTimes.set(paymentHash, (askedTimes.get(paymentHash) ?? 0) + 1)
      const tell = (word: Word) => {
        words.set(paymentHash, word)
        say(word)
      }
      const payNow = (told: (word: Word) => void) =>
        timeline.after(random.whole(2_000), outsideWorld, () =>
          send(paymentHash) ? whenOver(paymentHash, told) : told(refused),
        )
      if (!faults.strangerFails()) {
        payNow(tell)
        return
      }
      switch (random.whole(6)) {
        case 0:
          tell({ status: 'failed', code: 'INSUFFICIENT_BALANCE' })
          break
        case 1:
          // Paid, and nobody hears of it.
          payNow(word => words.set(paymentHash, word))
          break
        case 2:
          // Its owner has to allow it first.
          timeline.after(random.whole(1_500_000), outsideWorld, () => void send(paymentHash))
          break
        case 3:
          tell({ status: 'paid' })
          break
        case 4:
          payNow(() => undefined)
          tell(refused)
          break
        default:
        // The request was lost.
      }
    },
  }
}

/** The wallets as a process of the service reaches them. */
export function connectCustomerWallets(options: {
  wallets: CustomerWallets
  timeline: Timeline
  random: Random
  faults: Faults
  life: Life
  crash(): void
}): (uri: string) => StrangersWallet | null {
  const { wallets, timeline, random, faults, life, crash } = options
  const unavailable = () => new LightningUnavailable('the simulated wallet cannot be reached')
  return uri => {
    if (!uri.startsWith('nostr+walletconnect:')) return null
    let isPrivate = false
    return {
      isPrivate: () => isPrivate,
      close: () => undefined,
      connect: signal =>
        new Promise((resolve, reject) => {
          if (signal.aborted) return reject(unavailable())
          signal.addEventListener('abort', () => life.alive && reject(unavailable()))
          const fails = faults.strangerFails()
          timeline.after(random.whole(fails ? 30_000 : 1_000), life, () => {
            if (!fails) return resolve()
            isPrivate = random.chance(0.1)
            reject(unavailable())
          })
        }),
      pay: bolt11 =>
        new Promise(resolve => {
          const say = (word: Word) =>
            timeline.after(random.whole(500), life, () => {
              resolve(word)
              if (faults.crashesAt('after an answer')) crash()
            })
          timeline.after(silentMs, life, () => resolve(unknown))
          wallets.pay(bolt11, say)
        }),
      lookUp: paymentHash =>
        new Promise(resolve => {
          const isSilent = faults.strangerFails()
          timeline.after(random.whole(2_000), life, () => resolve(isSilent ? unknown : wallets.wordOn(paymentHash)))
        }),
    }
  }
}
