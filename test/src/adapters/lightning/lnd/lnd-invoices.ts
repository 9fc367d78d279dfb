import type { DevWallet } from '../../../../../src/adapters/lightning/dev-wallet/wallet.ts'
import { never, sha256 } from '../invoice-request.ts'
import { base64 } from './lnd-replies.ts'

/** What is asked for in addinvoice and addholdinvoice. */
type Wanted = {
  readonly paymentHash: string
  readonly hold: boolean
  readonly memo: string
  readonly descriptionHash: string
  readonly valueMsat: number
  readonly expiry: number
  readonly private: boolean
}

type Row = Wanted & { readonly bolt11: string; readonly addIndex: number; readonly createdAt: number }

type InvoiceEvent = { readonly kind: 'added' | 'changed' | 'settled'; readonly paymentHash: string }

/** lnrpc.Invoice in JSON: unset fields are there, 64-bit integers are strings, bytes are base64. */
export type InvoiceMessage = Readonly<Record<string, unknown>> & { readonly state: string }

/** The invoices of an LND, which a node really has: the development wallet. */
export type InvoiceBook = {
  /** The node makes invoices of preimages only, LND of hashes too: the test tells it what nobody sends. */
  learn(preimage: string): void
  has(paymentHash: string): boolean
  /** `null` when there is one of this hash already. */
  add(wanted: Wanted): Promise<Row | null>
  /** As it is now; `null` when there is none. */
  message(paymentHash: string): Promise<InvoiceMessage | null>
  /** As it was when it was added. */
  openMessage(paymentHash: string): InvoiceMessage
  /** By add index. */
  hashes(): readonly string[]
  /** In the order of their settle index, which starts at 1. */
  settled(): readonly string[]
  preimageOf(paymentHash: string): string | undefined
  cancelled(paymentHash: string): void
  onEvent(listener: (event: InvoiceEvent) => void): void
  close(): Promise<void>
}

export function openInvoiceBook(node: DevWallet, now: () => number): InvoiceBook {
  const preimages = new Map<string, string>()
  const rows = new Map<string, Row>()
  const making = new Map<string, Promise<Row>>()
  const settled: string[] = []
  const listeners = new Set<(event: InvoiceEvent) => void>()
  const waiting = new Set<() => void>()
  const emit = (kind: InvoiceEvent['kind'], paymentHash: string) => {
    for (const listener of listeners) listener({ kind, paymentHash })
  }

  const closing = new AbortController()
  const following = (async () => {
    for await (const { paymentHash, status } of node.incoming(null, closing.signal)) {
      if (status === 'settled') settled.push(paymentHash)
      for (const wake of waiting) wake()
      waiting.clear()
      emit(status === 'settled' ? 'settled' : 'changed', paymentHash)
    }
  })()

  /** A settlement has a number once it is told. */
  const settleIndexOf = async (paymentHash: string) => {
    while (!settled.includes(paymentHash)) {
      await new Promise<void>(resolve => waiting.add(resolve))
    }
    return settled.indexOf(paymentHash) + 1
  }

  const openMessage = (paymentHash: string): InvoiceMessage => {
    const row = rows.get(paymentHash)
    if (row === undefined) throw new Error('there is no such invoice')
    return {
      memo: row.memo,
      r_preimage: row.hold ? '' : base64(preimages.get(paymentHash) ?? ''),
      r_hash: base64(paymentHash),
      value: String(Math.floor(row.valueMsat / 1_000)),
      value_msat: String(row.valueMsat),
      settled: false,
      creation_date: String(row.createdAt),
      settle_date: '0',
      payment_request: row.bolt11,
      description_hash: base64(row.descriptionHash),
      expiry: String(row.expiry),
      fallback_addr: '',
      cltv_expiry: '80',
      route_hints: [],
      private: row.private,
      add_index: String(row.addIndex),
      settle_index: '0',
      amt_paid: '0',
      amt_paid_sat: '0',
      amt_paid_msat: '0',
      state: 'OPEN',
      htlcs: [],
      features: {},
      is_keysend: false,
      payment_addr: base64('00'.repeat(32)),
      is_amp: false,
      amp_invoice_state: {},
    }
  }

  const make = async (wanted: Wanted): Promise<Row> => {
    const { paymentHash, hold, memo, descriptionHash, valueMsat, expiry } = wanted
    const createdAt = now()
    const { bolt11 } = await node.createInvoice(
      {
        idempotencyKey: paymentHash,
        preimage: preimages.get(paymentHash) ?? '',
        amountMsat: valueMsat,
        description: memo,
        ...(descriptionHash === '' ? {} : { descriptionHash }),
        expirySeconds: expiry,
        hold,
      },
      never,
    )
    const row = { ...wanted, bolt11, createdAt, addIndex: rows.size + 1 }
    rows.set(paymentHash, row)
    emit('added', paymentHash)
    return row
  }

  return {
    learn: preimage => void preimages.set(sha256(Buffer.from(preimage, 'hex')), preimage),
    has: paymentHash => rows.has(paymentHash),
    add: async wanted => {
      const made = making.get(wanted.paymentHash)
      if (made !== undefined) return made.then(() => null)
      const row = make(wanted)
      making.set(wanted.paymentHash, row)
      row.catch(() => making.delete(wanted.paymentHash))
      return row
    },
    message: async paymentHash => {
      if (!rows.has(paymentHash)) return null
      const open = openMessage(paymentHash)
      const state = await node.lookUpInvoice(paymentHash, never)
      if (state.status === 'open') return open
      // LND cancels an invoice when it expires.
      if (state.status !== 'accepted' && state.status !== 'settled') return { ...open, state: 'CANCELED' }
      const isSettled = state.status === 'settled'
      const amounts = {
        amt_paid: String(state.receivedMsat),
        amt_paid_sat: String(Math.floor(state.receivedMsat / 1_000)),
        amt_paid_msat: String(state.receivedMsat),
      }
      const htlc = {
        accept_time: String(state.at),
        amt_msat: String(state.receivedMsat),
        chan_id: '1',
        htlc_index: '0',
      }
      if (!isSettled) return { ...open, ...amounts, state: 'ACCEPTED', htlcs: [{ ...htlc, state: 'ACCEPTED' }] }
      return {
        ...open,
        ...amounts,
        state: 'SETTLED',
        settled: true,
        settle_date: String(state.at),
        settle_index: String(await settleIndexOf(paymentHash)),
        r_preimage: base64(state.preimage),
        htlcs: [{ ...htlc, state: 'SETTLED' }],
      }
    },
    openMessage,
    hashes: () => [...rows.keys()],
    settled: () => settled,
    preimageOf: paymentHash => preimages.get(paymentHash),
    cancelled: paymentHash => emit('changed', paymentHash),
    onEvent: listener => void listeners.add(listener),
    close: async () => {
      closing.abort()
      await following
    },
  }
}
