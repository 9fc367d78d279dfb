import { randomBytes } from 'node:crypto'
import type { DevWallet } from '../../../../../src/adapters/lightning/dev-wallet/wallet.ts'
import { parseBolt11 } from '../../../../../src/bolt11.ts'
import { never, sha256 } from '../invoice-request.ts'

export type Params = Record<string, unknown>

/** An error of NIP-47. */
export class WalletError extends Error {
  readonly code: string
  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

/** The invoices and payments of a wallet, as NIP-47 tells them; the node has the money. */
export type Ledger = {
  /** The result of a request, or `null` when there is none yet. Throws a WalletError. */
  perform(method: string, params: Params): Promise<object | null>
  /** One transaction. */
  tell(paymentHash: string): Promise<object>
  /** The node makes invoices of preimages only, NIP-47 of hashes: the test tells it what nobody sends. */
  learn(preimage: string): void
}

type Options = {
  readonly node: DevWallet
  readonly now: () => number
  /** NIP-47: "Metadata MAY be stored". */
  readonly keepsMetadata?: boolean
  /** Knows the proposed `max_fee`. */
  readonly enforcesMaxFee?: boolean
}

type Row = {
  readonly type: 'incoming' | 'outgoing'
  readonly invoice: string
  readonly paymentHash: string
  readonly description: string
  readonly descriptionHash: string
  readonly amountMsat: number
  readonly createdAt: number
  readonly expiresAt: number
  /** The node's name for it. */
  readonly nodeKey: string
  readonly metadata?: unknown
}

const maxMetadataCharacters = 4_096
/** Fewer than is asked for: the size of a page is the wallet's choice. */
const maxPageRows = 4
/** What Alby Hub keeps for fees: a hundredth, at least ten satoshis. */
const feeReserveMsat = (amountMsat: number) => Math.max(10_000, Math.ceil(amountMsat / 100))

export function createLedger({ node, now, keepsMetadata = true, enforcesMaxFee = false }: Options): Ledger {
  const preimages = new Map<string, string>()
  /** Oldest first. */
  const rows: Row[] = []
  const find = (paymentHash: string) => rows.find(row => row.paymentHash === paymentHash)

  const describe = async (row: Row): Promise<Params> => {
    const common = {
      type: row.type,
      invoice: row.invoice,
      description: row.description,
      description_hash: row.descriptionHash,
      payment_hash: row.paymentHash,
      amount: row.amountMsat,
      fees_paid: 0,
      created_at: row.createdAt,
      expires_at: row.expiresAt,
      settled_at: null,
      preimage: '',
      ...(row.metadata === undefined ? {} : { metadata: row.metadata }),
    }
    if (row.type === 'outgoing') {
      const payment = { idempotencyKey: row.nodeKey, paymentHash: row.paymentHash }
      const outcome = await node.lookUpPayment(payment, never)
      if (outcome?.status !== 'paid') return { ...common, state: outcome?.status === 'failed' ? 'failed' : 'pending' }
      const { preimage, feeMsat } = outcome
      return { ...common, state: 'settled', preimage, fees_paid: feeMsat, settled_at: row.createdAt }
    }
    const state = await node.lookUpInvoice(row.paymentHash, never)
    switch (state.status) {
      case 'settled':
        return {
          ...common,
          state: 'settled',
          preimage: state.preimage,
          amount: state.receivedMsat,
          settled_at: state.at,
        }
      case 'accepted':
        return { ...common, state: 'accepted', amount: state.receivedMsat, settle_deadline: 900_000 }
      case 'cancelled':
        return { ...common, state: 'failed' }
      case 'expired':
        return { ...common, state: 'expired' }
      default:
        return { ...common, state: 'pending' }
    }
  }

  const makeInvoice = async (params: Params, hold: boolean) => {
    const { amount, description = '', description_hash: descriptionHash = '', expiry = 3_600, metadata } = params
    const nodeKey = randomBytes(16).toString('hex')
    const preimage = hold ? (preimages.get(String(params.payment_hash)) ?? '') : randomBytes(32).toString('hex')
    const created = await node.createInvoice(
      {
        idempotencyKey: nodeKey,
        preimage,
        amountMsat: Number(amount),
        description: String(description),
        ...(descriptionHash === '' ? {} : { descriptionHash: String(descriptionHash) }),
        expirySeconds: Number(expiry),
        hold,
      },
      never,
    )
    const isKept = keepsMetadata && !hold && JSON.stringify(metadata ?? null).length <= maxMetadataCharacters
    const row: Row = {
      type: 'incoming',
      invoice: created.bolt11,
      paymentHash: created.paymentHash,
      description: String(description),
      descriptionHash: String(descriptionHash),
      amountMsat: Number(amount),
      createdAt: now(),
      expiresAt: created.expiresAt,
      nodeKey,
      ...(isKept && metadata !== undefined ? { metadata } : {}),
    }
    rows.push(row)
    return describe(row)
  }

  const lookUp = async (params: Params) => {
    const { payment_hash: paymentHash = parseBolt11(String(params.invoice))?.paymentHash } = params
    const row = find(String(paymentHash))
    if (row === undefined) throw new WalletError('NOT_FOUND', 'the transaction requested was not found')
    return describe(row)
  }

  const list = async ({ from = 0, until = now(), limit = 50, offset = 0, unpaid = false, type }: Params) => {
    const all = await Promise.all([...rows].reverse().map(async row => ({ row, told: await describe(row) })))
    const wanted = all.filter(
      ({ row, told }) =>
        row.createdAt >= Number(from) &&
        row.createdAt <= Number(until) &&
        (type === undefined || row.type === type) &&
        (unpaid === true || told.state === 'settled'),
    )
    const start = Number(offset)
    const transactions = wanted.slice(start, start + Math.min(Number(limit), maxPageRows)).map(({ told }) => told)
    return { transactions, total_count: wanted.length }
  }

  const settle = async (params: Params) => {
    const preimage = String(params.preimage)
    const state = await node.lookUpInvoice(hashOf(preimage), never)
    // Alby Hub knows no other invoices here than those whose payment waits.
    if (state.status !== 'accepted') throw new WalletError('INTERNAL', 'failed to find accepted hold invoice')
    await node.settleHold(preimage, never)
    return {}
  }

  const cancel = async (params: Params) => {
    const paymentHash = String(params.payment_hash)
    const state = await node.lookUpInvoice(paymentHash, never)
    if (state.status !== 'accepted' && state.status !== 'open') {
      throw new WalletError('NOT_FOUND', 'The transaction requested was not found')
    }
    await node.cancelHold(paymentHash, never)
    return {}
  }

  const pay = async (params: Params) => {
    const invoice = String(params.invoice).toLowerCase()
    const read = parseBolt11(invoice)
    if (read === null) throw new WalletError('INTERNAL', 'Failed to decode bolt11 invoice')
    const { paymentHash, amountMsat, expiresAt } = read
    if (now() > expiresAt) throw new WalletError('INTERNAL', 'this invoice has expired')
    const before = find(paymentHash)
    const state = before === undefined ? null : (await describe(before)).state
    if (state === 'settled') throw new WalletError('INTERNAL', 'this invoice has already been paid')
    if (state === 'pending') throw new WalletError('INTERNAL', 'there is already a payment pending for this invoice')
    const nodeKey = randomBytes(16).toString('hex')
    const reserve = feeReserveMsat(amountMsat ?? 0)
    const maxFeeMsat = enforcesMaxFee ? Number(params.max_fee ?? reserve) : reserve
    rows.push({
      type: 'outgoing',
      invoice,
      paymentHash,
      description: '',
      descriptionHash: '',
      amountMsat: amountMsat ?? 0,
      createdAt: now(),
      expiresAt,
      nodeKey,
      ...(keepsMetadata && params.metadata !== undefined ? { metadata: params.metadata } : {}),
    })
    const outcome = await node.pay({ idempotencyKey: nodeKey, bolt11: invoice, maxFeeMsat }, never)
    if (outcome.status === 'paid') return { preimage: outcome.preimage, fees_paid: outcome.feeMsat }
    if (outcome.status === 'unknown') return null
    if (outcome.reason === 'insufficient balance') throw new WalletError('INSUFFICIENT_BALANCE', outcome.reason)
    const isFee = enforcesMaxFee && outcome.reason === 'no route within the fee limit'
    throw new WalletError(isFee ? 'FEE_LIMIT_EXCEEDED' : 'PAYMENT_FAILED', outcome.reason)
  }

  const methods: Record<string, (params: Params) => Promise<object | null>> = {
    make_invoice: params => makeInvoice(params, false),
    make_hold_invoice: params => makeInvoice(params, true),
    lookup_invoice: lookUp,
    list_transactions: list,
    settle_hold_invoice: settle,
    cancel_hold_invoice: cancel,
    pay_invoice: pay,
    get_balance: async () => ({ balance: await node.balanceMsat(never) }),
  }
  return {
    perform: (method, params) => {
      const act = methods[method]
      if (act === undefined) throw new WalletError('NOT_IMPLEMENTED', `Unknown method: ${method}`)
      return act(params)
    },
    tell: async paymentHash => {
      const row = find(paymentHash)
      return row === undefined ? { payment_hash: paymentHash } : describe(row)
    },
    learn: preimage => void preimages.set(hashOf(preimage), preimage),
  }
}

function hashOf(preimage: string): string {
  return sha256(Buffer.from(preimage, 'hex'))
}
