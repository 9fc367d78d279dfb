import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises'
import { checkInvoiceRequest, checkPayable, paymentHashOf, signInvoice } from './bolt11.ts'
import { createFaults, type Fault } from './dev-wallet-faults.ts'
import { type NodeKey, openNodeKey } from './dev-wallet-key.ts'
import { createNews } from './dev-wallet-news.ts'
import { type InvoiceRow, openDevWalletStore, type SettleOutcome } from './dev-wallet-store.ts'
import { type InvoiceRequest, type LightningBackend, LightningUnavailable, type Settlement } from './port.ts'

/** A Lightning wallet for development: real invoices of a regtest node of its own, paid when told. */
export type DevWallet = LightningBackend & {
  /** The node that signs the invoices: compressed public key, hex. */
  readonly nodeId: string
  /**
   * Pays an invoice of this wallet, given as BOLT 11 or payment hash; `late` pays an expired one too, as real nodes can
   * be. Throws a RangeError when `receivedMsat` is no amount.
   */
  settle(invoice: string, options?: { receivedMsat?: number; late?: boolean }): Promise<SettleOutcome>
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
  const faults = createFaults()
  const news = createNews()
  const closing = new AbortController()

  const checkOpen = () => {
    if (closing.signal.aborted) throw new LightningUnavailable('the development wallet is closed')
  }
  const silence = async (signal: AbortSignal) => {
    const until = AbortSignal.any([signal, closing.signal])
    // An abort ends the waiting early; either way there was no answer.
    await delay(timeoutMs, undefined, { signal: until, ref: false }).catch(() => undefined)
  }

  const call = async <T>(name: 'create' | 'lookup' | 'check', signal: AbortSignal, act: () => Promise<T>) => {
    checkOpen()
    if (signal.aborted) throw new LightningUnavailable('the call was given up before it began')
    const fault = faults.take(name)
    if (fault === 'unavailable') throw new LightningUnavailable('the development wallet was told to be unavailable')
    if (fault === 'timeout') {
      await silence(signal)
      throw new LightningUnavailable('the development wallet was told to give no answer')
    }
    const answer = await act()
    if (fault === 'drop-after') throw new LightningUnavailable('the development wallet was told to lose its answer')
    return answer
  }

  // Without a native module signing takes 2 ms: many at once take turns, so that the event loop is never held up long.
  let turn: Promise<unknown> = Promise.resolve()
  const takeTurn = () => {
    turn = turn.then(() => nextTurn())
    return turn
  }

  const createInvoice = async (request: InvoiceRequest) => {
    const { amountMsat, description, expirySeconds } = request
    const { preimage, paymentHash, paymentSecret } = node.paymentOf(request.idempotencyKey)
    const make = async (): Promise<InvoiceRow> => {
      await takeTurn()
      checkOpen()
      const timestamp = now()
      const fields = { paymentHash, paymentSecret, amountMsat, description, timestamp, expirySeconds }
      const bolt11 = signInvoice(fields, node.secretKey)
      const expiresAt = timestamp + expirySeconds
      const row = { bolt11, preimage, amountMsat, description, expirySeconds, expiresAt, settlement: null }
      return store.keep(paymentHash, row)
    }
    // Of two at once both find nothing here; the table keeps the first, and both get that one.
    const row = store.invoice(paymentHash) ?? (await make())
    if (row.amountMsat !== amountMsat || row.description !== description || row.expirySeconds !== expirySeconds) {
      throw new Error('the idempotency key of an invoice was used again for a different request')
    }
    return { bolt11: row.bolt11, paymentHash, expiresAt: row.expiresAt }
  }

  async function* settlements(cursor: string | null, signal: AbortSignal): AsyncGenerator<Settlement, void, void> {
    const wallet = node.nodeId.slice(-16)
    const [of, position] = cursor?.split(':') ?? []
    // A cursor of a wallet that is no more must not skip what this one receives: it starts from the first.
    const known = of === wallet && Number(position) <= store.lastSequence()
    let sequence = known ? Number(position) : 0
    for (;;) {
      if (signal.aborted) return
      checkOpen()
      const fault = faults.next('stream')
      if (fault === 'timeout') {
        faults.take('stream')
        await silence(signal)
        if (signal.aborted) return
        throw new LightningUnavailable('the development wallet was told to fall silent')
      }
      const row = store.settlement(sequence + 1)
      if (fault === 'unavailable' || (fault === 'drop-after' && row !== undefined)) {
        faults.take('stream')
        throw new LightningUnavailable('the development wallet was told to lose the connection')
      }
      if (row === undefined) {
        await news.next(signal)
      } else {
        sequence++
        yield { ...row, cursor: `${wallet}:${sequence}` }
      }
    }
  }

  return {
    name: 'dev-wallet',
    nodeId: node.nodeId,
    createInvoice: async (request, signal) => {
      checkInvoiceRequest(request)
      return call('create', signal, () => createInvoice(request))
    },
    lookUpInvoice: (paymentHash, signal) =>
      call('lookup', signal, async () => {
        const row = isHash(paymentHash) ? store.invoice(paymentHash) : undefined
        if (row === undefined) return { status: 'unknown' }
        if (row.settlement !== null) return { status: 'settled', ...row.settlement, preimage: row.preimage }
        return { status: now() >= row.expiresAt ? 'expired' : 'open' }
      }),
    settlements,
    check: signal => call('check', signal, async () => undefined),
    settle: async (invoice, { receivedMsat, late = false } = {}) => {
      checkOpen()
      if (receivedMsat !== undefined) checkPayable(receivedMsat)
      const paymentHash = isHash(invoice) ? invoice : paymentHashOf(invoice)
      const row = paymentHash === null ? undefined : store.invoice(paymentHash)
      const isOurs = row !== undefined && (isHash(invoice) || row.bolt11 === invoice.toLowerCase())
      if (paymentHash === null || !isOurs) return { status: 'refused', reason: 'unknown' }
      const outcome = await store.settle(paymentHash, { receivedMsat: receivedMsat ?? null, late, now: now() })
      news.announce()
      return outcome
    },
    fault: fault => {
      faults.set(fault)
      // Streams that wait for a settlement feel the fault too.
      news.announce()
    },
    close: async () => {
      if (closing.signal.aborted) return
      closing.abort()
      news.announce()
      await store.close()
    },
  }
}

function isHash(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text)
}

/** Signs a few invoices that nobody sees: the first one would hold up a running service for up to 120 ms. */
function warmUp(node: NodeKey): void {
  const payment = node.paymentOf('warm-up')
  const fields = { ...payment, amountMsat: 1_000, description: '', timestamp: 1, expirySeconds: 1 }
  for (let round = 0; round < 5; round++) signInvoice(fields, node.secretKey)
}
