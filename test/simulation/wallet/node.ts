import { createHash } from 'node:crypto'
import { signInvoice } from '../../../src/adapters/lightning/dev-wallet/sign-invoice.ts'
import { type Capabilities, type InvoiceRequest, LightningUnavailable } from '../../../src/adapters/lightning/port.ts'
import type { Random } from '../../system/random.ts'
import { outsideWorld, type Timeline } from '../timeline.ts'

const nodeKey = Buffer.alloc(32, 7)
const outsideKey = Buffer.alloc(32, 9)

/** An invoice of the wallet, and what truly became of it. */
export type Incoming = {
  readonly paymentHash: string
  readonly preimage: string
  readonly request: InvoiceRequest
  readonly bolt11: string
  readonly expiresAt: number
  status: 'open' | 'accepted' | 'settled' | 'cancelled'
  receivedMsat: number
  at: number
  /** Since when its payment waited for us; `null`: it never did. */
  acceptedAtMs: number | null
  /** When that went back to its payer without our word; `null`: it did not. */
  wentBackAtMs: number | null
}

/** A payment that the wallet was asked for, and what truly became of it. */
export type Outgoing = {
  readonly id: string
  readonly paymentHash: string
  readonly amountMsat: number
  /** The most that the wallet was told the fee may be; it may cost more all the same. */
  readonly maxFeeMsat: number
  readonly feeMsat: number
  status: 'unknown' | 'paid' | 'failed'
  /** The wallet never says what became of it: that it does not know, or even that it has never heard of it. */
  readonly kept: 'told' | 'unknown' | 'forgotten'
}

/** An invoice of somebody else's, for withdrawals. */
type Outside = {
  readonly paymentHash: string
  readonly preimage: string
  readonly amountMsat: number
  readonly expiresAt: number
}

/** What this wallet can do. `cursor`: its stream continues where it ended; `late`: it takes payments of expired invoices. */
export type Abilities = Capabilities & { readonly cursor: boolean; readonly late: boolean }

/** A Lightning node as the world knows it, whatever the service believes. */
export type Node = ReturnType<typeof createNode>

/** Makes a node without invoices or payments. `told` hears of what a stream would report. */
export function createNode(options: { timeline: Timeline; random: Random; abilities: Abilities }) {
  const { timeline, random, abilities } = options
  const { now } = timeline
  const incoming = new Map<string, Incoming>()
  const settlements: Incoming[] = []
  const outgoing = new Map<string, Outgoing>()
  const outside = new Map<string, Outside>()
  /** What was truly paid, and the hashes for which that was not the first time, which must never be. */
  const payments: Outgoing[] = []
  const paidAgain: string[] = []
  const accepted: Incoming[] = []
  const readings: { readonly msat: number; readonly atMs: number; readonly paymentCount: number }[] = []
  const askedTimes = new Map<string, number>()
  const listeners = new Set<(invoice: Incoming) => void>()
  let balanceMsat = 10 ** 12
  let behindMsat = 0
  let made = 0

  const announce = (invoice: Incoming) => {
    for (const listener of [...listeners]) listener(invoice)
  }

  const settle = (invoice: Incoming) => {
    invoice.status = 'settled'
    invoice.at = now()
    balanceMsat += invoice.receivedMsat
    settlements.push(invoice)
    announce(invoice)
  }

  const decide = (payment: Outgoing, isPaid: boolean) => {
    if (payment.status !== 'unknown') return
    payment.status = isPaid ? 'paid' : 'failed'
    if (!isPaid) return
    balanceMsat -= payment.amountMsat + payment.feeMsat
    if (payments.some(({ paymentHash }) => paymentHash === payment.paymentHash)) paidAgain.push(payment.paymentHash)
    payments.push(payment)
  }

  return {
    abilities,
    incoming,
    settlements,
    /** Invoices whose payment had to wait for us, in that order. */
    accepted,
    outgoing,
    payments,
    paidAgain,
    askedTimes,
    listeners,
    balanceMsat: () => balanceMsat,
    /** When it said how much it has, how much, and after how many payments. */
    readings,
    /** What came and went without any invoice or payment of ours. */
    behindMsat: () => behindMsat,
    moveBehindOurBack: (msat: number): void => {
      balanceMsat += msat
      behindMsat += msat
    },

    create: (request: InvoiceRequest): Incoming => {
      const paymentHash = sha256(request.preimage)
      const known = incoming.get(paymentHash)
      if (known !== undefined) return known
      const bolt11 = signInvoice(
        { ...request, descriptionHash: null, paymentHash, paymentSecret: paymentHash, timestamp: now() },
        nodeKey,
      )
      const expiresAt = now() + request.expirySeconds
      const { preimage } = request
      const invoice: Incoming = {
        paymentHash,
        preimage,
        request,
        bolt11,
        expiresAt,
        status: 'open',
        receivedMsat: 0,
        at: 0,
        acceptedAtMs: null,
        wentBackAtMs: null,
      }
      incoming.set(paymentHash, invoice)
      return invoice
    },

    /** Somebody pays an invoice; says whether the node took the payment. */
    receive: (paymentHash: string, receivedMsat: number): boolean => {
      const invoice = incoming.get(paymentHash)
      if (invoice?.status !== 'open') return false
      const isOver = now() > invoice.expiresAt
      if (isOver && !(abilities.late && now() < invoice.expiresAt + 86_400)) return false
      invoice.receivedMsat = receivedMsat
      if (!invoice.request.hold) {
        settle(invoice)
        return true
      }
      invoice.status = 'accepted'
      invoice.at = now()
      invoice.acceptedAtMs = timeline.nowMs()
      accepted.push(invoice)
      // Nobody waits for ever: the payer has it back after a while, sometimes soon.
      const heldMs = random.chance(0.1) ? random.whole(5_000) : 3_600_000 + random.whole(3_600_000)
      timeline.after(heldMs, outsideWorld, () => {
        if (invoice.status !== 'accepted') return
        invoice.status = 'cancelled'
        invoice.wentBackAtMs = timeline.nowMs()
      })
      announce(invoice)
      return true
    },

    settleHold: (preimage: string): 'settled' | 'lost' => {
      const invoice = incoming.get(sha256(preimage))
      if (invoice?.status === 'settled') return 'settled'
      if (invoice?.status !== 'accepted') return 'lost'
      settle(invoice)
      return 'settled'
    },

    cancelHold: (paymentHash: string): 'cancelled' | 'settled' => {
      const invoice = incoming.get(paymentHash)
      if (invoice?.status === 'settled') return 'settled'
      if (invoice !== undefined) invoice.status = 'cancelled'
      return 'cancelled'
    },

    /** Asks for a payment; a key that is known is not paid again. */
    pay: (idempotencyKey: string, bolt11: string, maxFeeMsat: number): Outgoing => {
      const target = outside.get(bolt11)
      if (target === undefined) throw new LightningUnavailable('this invoice is of nobody here')
      askedTimes.set(idempotencyKey, (askedTimes.get(idempotencyKey) ?? 0) + 1)
      const known = outgoing.get(idempotencyKey)
      if (known !== undefined) return known
      const { paymentHash, amountMsat } = target
      // Now and then a wallet spends more than it was allowed to.
      const feeMsat = random.chance(0.05) ? maxFeeMsat + 1_000 : random.whole(maxFeeMsat + 1)
      const kept = random.chance(0.1) ? (abilities.knowsItsPayments ? 'unknown' : 'forgotten') : 'told'
      const asked = { id: idempotencyKey, paymentHash, amountMsat, maxFeeMsat }
      const payment: Outgoing = { ...asked, feeMsat, status: 'unknown', kept }
      outgoing.set(idempotencyKey, payment)
      if (now() >= target.expiresAt) decide(payment, false)
      else if (random.chance(0.6)) decide(payment, random.chance(0.7))
      else timeline.after(random.whole(3_600_000), outsideWorld, () => decide(payment, random.chance(0.6)))
      return payment
    },

    preimageOf: (paymentHash: string): string => {
      for (const one of outside.values()) if (one.paymentHash === paymentHash) return one.preimage
      return ''
    },

    outsideInvoice: (amountMsat: number, expirySeconds: number, preimage = sha256(counted(made++))): string => {
      const paymentHash = sha256(preimage)
      const fields = {
        paymentHash,
        paymentSecret: preimage,
        amountMsat,
        description: '',
        timestamp: now(),
        expirySeconds,
      }
      const bolt11 = signInvoice(fields, outsideKey)
      outside.set(bolt11, { paymentHash, preimage, amountMsat, expiresAt: now() + expirySeconds })
      return bolt11
    },
  }
}

function counted(number: number): string {
  return number.toString(16).padStart(64, '0')
}

/** SHA-256 of bytes given and returned as hex. */
function sha256(hex: string): string {
  return createHash('sha256').update(Buffer.from(hex, 'hex')).digest('hex')
}
