import { createHash, randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { checkInvoiceRequest, checkPayable, isHash, maxDescriptionBytes } from '../invoice-request.ts'
import { createNews } from '../news.ts'
import { type InvoiceRequest, type LightningBackend, LightningUnavailable } from '../port.ts'
import { cancelHeld, ownInvoice, type ReceiveOutcome, receive, settleHeld } from './arrivals.ts'
import { createCalls } from './calls.ts'
import type { Fault } from './faults.ts'
import { streamIncoming } from './incoming.ts'
import { type NodeKey, openNodeKey } from './node-key.ts'
import { decidePayment, outcomeOf, payInvoice } from './outgoing.ts'
import { signInvoice } from './sign-invoice.ts'
import { type InvoiceRow, type OutsideRow, openDevWalletStore } from './store.ts'

/** A Lightning wallet for development: real invoices of a regtest node of its own, paid when told. */
export type DevWallet = LightningBackend & {
  /** The node that signs the invoices: compressed public key, hex. */
  readonly nodeId: string
  /**
   * Pays an invoice of this wallet from outside, given as BOLT 11 or payment hash; `late` pays an expired one too, as real
   * nodes can be. Throws a RangeError when `receivedMsat` is no amount.
   */
  receive(invoice: string, options?: { receivedMsat?: number; late?: boolean }): Promise<ReceiveOutcome>
  /** An invoice of somebody outside, for the wallet to pay; `fate` is what becomes of that payment. */
  outsideInvoice(wanted: {
    amountMsat: number
    expirySeconds?: number
    fate?: OutsideRow['fate']
    feeMsat?: number
  }): Promise<{ bolt11: string; paymentHash: string }>
  /** Ends a payment that is stuck; says whether there was one. */
  decide(paymentHash: string, status: 'paid' | 'failed'): Promise<boolean>
  fault(fault: Fault): void
}

type Options = {
  /** The wallet's own; made if missing, and closed to others. */
  directory: string
  network: 'mainnet' | 'testnet' | 'signet' | 'regtest'
  /** Unix seconds. */
  now: () => number
  /** How long a call told to time out waits before it gives up by itself. */
  timeoutMs?: number
}

const outsideExpirySeconds = 3_600

/**
 * Opens the wallet, creating its node key on first use. Its invoices are regtest's on every network, so that no real
 * wallet tries to pay them. Throws on mainnet, and when the directory cannot be used.
 */
export async function createDevWallet({ directory, network, now, timeoutMs = 20_000 }: Options): Promise<DevWallet> {
  if (network === 'mainnet') {
    throw new Error('the development wallet does not run on mainnet: its payments are invented, what they buy is not')
  }
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  chmodSync(directory, 0o700)
  const node = openNodeKey(join(directory, 'node-key'))
  warmUp(node)
  const store = await openDevWalletStore(directory, node.nodeId)
  const news = createNews()
  const calls = createCalls(timeoutMs)

  // Without a native module signing takes 2 ms: many at once take turns, so that the event loop is never held up long.
  let turn: Promise<unknown> = Promise.resolve()
  const takeTurn = () => {
    turn = turn.then(() => nextTurn())
    return turn
  }

  const makeInvoice = async (request: InvoiceRequest, paymentHash: string): Promise<InvoiceRow> => {
    await takeTurn()
    calls.checkOpen()
    const { descriptionHash = null, hold = false, ...asked } = request
    const timestamp = now()
    const paymentSecret = node.paymentSecretOf(paymentHash)
    const bolt11 = signInvoice({ ...asked, descriptionHash, paymentHash, paymentSecret, timestamp }, node.secretKey)
    const expiresAt = timestamp + asked.expirySeconds
    const row: InvoiceRow = { ...asked, descriptionHash, hold, bolt11, expiresAt, status: 'open', arrival: null }
    // Of two at once both found nothing; the table keeps the first, and both get that one.
    return store.write(changes => {
      const kept = store.invoices.get(paymentHash)
      if (kept === undefined) changes.putInvoice(paymentHash, row)
      return kept ?? row
    })
  }

  const createInvoice = async (request: InvoiceRequest) => {
    const paymentHash = hashOf(request.preimage)
    const row = store.invoices.get(paymentHash) ?? (await makeInvoice(request, paymentHash))
    const { descriptionHash = null, hold = false } = request
    const isSame =
      row.idempotencyKey === request.idempotencyKey &&
      row.amountMsat === request.amountMsat &&
      row.description === request.description &&
      row.descriptionHash === descriptionHash &&
      row.expirySeconds === request.expirySeconds &&
      row.hold === hold
    if (!isSame) throw new Error('the idempotency key or preimage of an invoice was used again for a different request')
    return { bolt11: row.bolt11, paymentHash, expiresAt: row.expiresAt }
  }

  /** Tells who listens, once it has happened. */
  const announced = async <T>(change: Promise<T>): Promise<T> => {
    const value = await change
    news.announce()
    return value
  }

  return {
    name: 'dev-wallet',
    nodeId: node.nodeId,
    capabilities: signal =>
      calls.run('check', signal, async () => ({
        hold: true,
        descriptionHash: true,
        pay: true,
        limitsFees: true,
        knowsItsPayments: true,
        resolutionMsat: 1,
        maxDescriptionLength: maxDescriptionBytes,
      })),
    createInvoice: async (request, signal) => {
      checkInvoiceRequest(request)
      return calls.run('create', signal, () => createInvoice(request))
    },
    lookUpInvoice: (paymentHash, signal) =>
      calls.run('lookup', signal, async () => {
        const row = isHash(paymentHash) ? store.invoices.get(paymentHash) : undefined
        if (row === undefined) return { status: 'unknown' }
        const { status, arrival, preimage, expiresAt } = row
        if (status === 'settled' && arrival !== null) return { status, ...arrival, preimage }
        if (status === 'accepted' && arrival !== null) return { status, ...arrival }
        if (status === 'cancelled') return { status }
        return { status: now() >= expiresAt ? 'expired' : 'open' }
      }),
    settleHold: (preimage, signal) =>
      calls.run('hold', signal, () => announced(settleHeld(store, hashOf(preimage), now()))),
    cancelHold: (paymentHash, signal) => calls.run('hold', signal, () => cancelHeld(store, paymentHash)),
    incoming: (cursor, signal) => streamIncoming({ store, nodeId: node.nodeId, news, calls }, cursor, signal),
    pay: async (request, signal) => {
      try {
        return await calls.run('pay', signal, () => announced(payInvoice(store, request, now())))
      } catch (error) {
        if (error instanceof LightningUnavailable) return { status: 'unknown' }
        throw error
      }
    },
    lookUpPayment: ({ paymentHash }, signal) =>
      calls.run('lookup', signal, async () => {
        const row = store.payments.get(paymentHash)
        return row === undefined ? null : outcomeOf(row)
      }),
    balanceMsat: signal => calls.run('check', signal, async () => store.balanceMsat()),
    check: signal => calls.run('check', signal, async () => undefined),
    receive: async (invoice, { receivedMsat, late = false } = {}) => {
      calls.checkOpen()
      if (receivedMsat !== undefined) checkPayable(receivedMsat)
      if (ownInvoice(store, invoice) === null) return { status: 'refused', reason: 'unknown' }
      return announced(receive(store, invoice, { receivedMsat: receivedMsat ?? null, late, now: now() }))
    },
    outsideInvoice: async ({ amountMsat, expirySeconds = outsideExpirySeconds, fate = 'paid', feeMsat = 0 }) => {
      calls.checkOpen()
      checkPayable(amountMsat)
      const preimage = randomBytes(32).toString('hex')
      const paymentHash = hashOf(preimage)
      const paymentSecret = randomBytes(32).toString('hex')
      const fields = { paymentHash, paymentSecret, amountMsat, description: '', timestamp: now(), expirySeconds }
      await store.write(changes => changes.putOutside(paymentHash, { preimage, feeMsat, fate }))
      return { bolt11: signInvoice(fields, node.outsideKey), paymentHash }
    },
    decide: (paymentHash, status) => decidePayment(store, paymentHash, status),
    fault: fault => {
      calls.faults.set(fault)
      // Streams that wait for a settlement feel the fault too.
      news.announce()
    },
    close: async () => {
      if (!calls.close()) return
      news.announce()
      await store.close()
    },
  }
}

function hashOf(preimage: string): string {
  return createHash('sha256').update(Buffer.from(preimage, 'hex')).digest('hex')
}

/** Signs a few invoices that nobody sees: the first one would hold up a running service for up to 120 ms. */
function warmUp(node: NodeKey): void {
  const nobodys = '00'.repeat(32)
  const payment = { paymentHash: nobodys, paymentSecret: nobodys }
  const fields = { ...payment, amountMsat: 1_000, description: '', timestamp: 1, expirySeconds: 1 }
  for (let round = 0; round < 5; round++) signInvoice(fields, node.secretKey)
}
