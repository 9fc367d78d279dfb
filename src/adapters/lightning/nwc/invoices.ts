import { createHash } from 'node:crypto'
import { z } from 'zod'
import { parseBolt11 } from '../../../bolt11.ts'
import { CannotHold, type CreatedInvoice, InvoiceRefused, type InvoiceRequest, LightningUnavailable } from '../port.ts'
import { type ErrorCode, resultOf } from './answer.ts'
import { type Ask, keyOf, listIncoming, lookUp, type Transaction } from './transactions.ts'
import { createTurns } from './turns.ts'

/** Makes invoices, one for each idempotency key. */
export type Invoices = {
  /** Throws what the port says, a RangeError for a key that is too long, an Error for one that was used otherwise. */
  create(request: InvoiceRequest, ask: Ask, signal: AbortSignal): Promise<CreatedInvoice>
}

type Options = {
  /** Asks without a signal of any caller. */
  readonly askInBackground: Ask
  now(): number
  /** How long before the start a key may have been used; 0: keys are never used by two processes. */
  readonly historySeconds: number
}

type Known = { readonly invoice: CreatedInvoice; readonly digest: string | null }

/** NIP-47: longer metadata is dropped by the wallet. */
const maxMetadataCharacters = 4_096
/** Invoices that are known without asking: more than a day's. */
const maxKnown = 10_000
/** By how much the wallet's clock may differ from ours. */
const maxSkewSeconds = 600

/** NIP-47 has no code for an amount that a wallet does not take: Alby Hub says INTERNAL, others what they like. */
const refusalCodes: ReadonlySet<ErrorCode> = new Set(['INTERNAL', 'OTHER', 'QUOTA_EXCEEDED', 'RESTRICTED'])

const madeSchema = z.object({ invoice: z.string(), payment_hash: z.string() })

/**
 * A held invoice is known by its payment hash. For others NIP-47 has no key: it is written into the metadata, which wallets
 * MAY keep, and looked for in `list_transactions`, once at the start and again after an answer that was lost. With a
 * wallet that keeps no metadata a lost answer means a second invoice; the first was never seen by anyone.
 */
export function createInvoices({ askInBackground, now, historySeconds }: Options): Invoices {
  const known = new Map<string, Known>()
  /** Keys that were asked for and had no answer, with the time of asking. */
  const doubtful = new Map<string, number>()
  const turns = createTurns()
  const startedAt = now()
  let history: Promise<void> | null = null

  const keep = <Value>(entries: Map<string, Value>, key: string, value: Value) => {
    entries.set(key, value)
    const [oldest] = entries.keys()
    if (entries.size > maxKnown && oldest !== undefined) entries.delete(oldest)
  }

  /** Goes back until it finds the key that is wanted; without one, until it knows as many as it can keep. */
  const learn = async (ask: Ask, from: number, wanted?: string) => {
    for await (const row of listIncoming(ask, { from, unpaid: true })) {
      const key = keyOf(row)
      const invoice = key === null ? null : invoiceOf(row)
      if (key === null || invoice === null || known.has(key.idempotency_key)) continue
      keep(known, key.idempotency_key, { invoice, digest: key.request ?? null })
      if (wanted === undefined ? known.size >= maxKnown : key.idempotency_key === wanted) return
    }
  }

  // Shared by all callers and ended by none: it may take longer than one of them waits.
  const learnHistory = () => {
    if (historySeconds === 0) return Promise.resolve()
    history ??= learn(askInBackground, startedAt - historySeconds - maxSkewSeconds).catch(error => {
      history = null
      throw error
    })
    return history
  }

  const findHeld = async (request: InvoiceRequest, paymentHash: string, ask: Ask): Promise<Known | null> => {
    const row = await lookUp(ask, paymentHash)
    const invoice = row === null ? null : invoiceOf(row)
    if (row === null || invoice === null) return null
    const amountMsat = parseBolt11(invoice.bolt11)?.amountMsat
    if (amountMsat !== request.amountMsat || !tells(row, request)) throw usedBefore()
    return { invoice, digest: digestOf(request) }
  }

  const find = async (request: InvoiceRequest, ask: Ask): Promise<Known | null> => {
    const { idempotencyKey: key, hold = false, preimage } = request
    const remembered = known.get(key)
    if (remembered !== undefined) return remembered
    if (hold) return findHeld(request, hashOf(preimage), ask)
    await learnHistory()
    const askedAt = doubtful.get(key)
    if (askedAt !== undefined) await learn(ask, askedAt - maxSkewSeconds, key)
    return known.get(key) ?? null
  }

  const make = async (request: InvoiceRequest, ask: Ask): Promise<CreatedInvoice> => {
    const { idempotencyKey: key, hold = false, preimage, amountMsat, description, descriptionHash } = request
    const fields = {
      amount: amountMsat,
      ...(descriptionHash === undefined ? { description } : { description_hash: descriptionHash }),
      expiry: request.expirySeconds,
    }
    keep(doubtful, key, doubtful.get(key) ?? now())
    const answer = hold
      ? await ask('make_hold_invoice', { ...fields, payment_hash: hashOf(preimage) })
      : await ask('make_invoice', { ...fields, metadata: metadataOf(request) })
    if (hold && !answer.ok && answer.code === 'NOT_IMPLEMENTED') throw cannotHold()
    if (!answer.ok && refusalCodes.has(answer.code)) {
      throw new InvoiceRefused(`the wallet refuses the invoice (${answer.code})`)
    }
    const invoice = invoiceOf(resultOf(madeSchema, answer))
    if (invoice === null || (hold && invoice.paymentHash !== hashOf(preimage))) {
      throw new LightningUnavailable('the wallet answers with something other than the invoice that was asked for')
    }
    return invoice
  }

  const create = async (request: InvoiceRequest, ask: Ask): Promise<CreatedInvoice> => {
    const { idempotencyKey: key } = request
    const digest = digestOf(request)
    const found = await find(request, ask)
    if (found?.digest != null && found.digest !== digest) throw usedBefore()
    const invoice = found?.invoice ?? (await make(request, ask))
    doubtful.delete(key)
    keep(known, key, { invoice, digest })
    return invoice
  }

  return {
    create: async (request, ask, signal) => {
      const { idempotencyKey: key } = request
      if (JSON.stringify(metadataOf(request)).length > maxMetadataCharacters) {
        throw new RangeError('an idempotency key is longer than the metadata of an invoice may be')
      }
      // Of two at once both would find nothing.
      return turns(key, signal, () => create(request, ask))
    },
  }
}

/** Thrown where a wallet has no such invoices. */
export function cannotHold(): CannotHold {
  return new CannotHold('this wallet connection')
}

/** The payment hash of a preimage, both hex. */
export function hashOf(preimage: string): string {
  return createHash('sha256').update(Buffer.from(preimage, 'hex')).digest('hex')
}

/** An invoice that the wallet tells; `null` when what it tells is none, or is of another payment hash. */
function invoiceOf(row: Pick<Transaction, 'invoice' | 'payment_hash'>): CreatedInvoice | null {
  const bolt11 = row.invoice ?? ''
  const read = parseBolt11(bolt11)
  if (read === null || read.paymentHash !== row.payment_hash) return null
  return { bolt11, paymentHash: read.paymentHash, expiresAt: read.expiresAt }
}

/** Whether a held invoice is of this request, as far as the wallet tells it: both texts are optional (NIP-47). */
function tells(row: Transaction, { description, descriptionHash }: InvoiceRequest): boolean {
  const isTold = Boolean(row.description || row.description_hash)
  if (!isTold) return true
  return descriptionHash === undefined ? row.description === description : row.description_hash === descriptionHash
}

function metadataOf(request: InvoiceRequest): { idempotency_key: string; request: string } {
  return { idempotency_key: request.idempotencyKey, request: digestOf(request) }
}

function digestOf({ amountMsat, description, descriptionHash, expirySeconds, hold = false }: InvoiceRequest): string {
  const asked = JSON.stringify([amountMsat, description, descriptionHash ?? null, expirySeconds, hold])
  return createHash('sha256').update(asked).digest('hex').slice(0, 32)
}

function usedBefore(): Error {
  return new Error('the idempotency key of an invoice was used again for a different request')
}
