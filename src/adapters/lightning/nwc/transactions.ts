import { z } from 'zod'
import { type InvoiceState, LightningUnavailable } from '../port.ts'
import { type Answer, resultOf } from './answer.ts'

/** Asks the wallet, over whatever session. Throws `LightningUnavailable` when there is no answer. */
export type Ask = (method: string, params: object) => Promise<Answer>

const hash = z.string().regex(/^[0-9a-f]{64}$/)
/** Millisatoshi or Unix seconds. */
const amount = z.int().nonnegative()

/** An invoice or payment as NIP-47 tells it. What it calls optional comes as null or as an empty text, too (Alby Hub). */
const transactionSchema = z.object({
  type: z.enum(['incoming', 'outgoing']),
  state: z.enum(['pending', 'settled', 'accepted', 'expired', 'failed']).nullish(),
  invoice: z.string().nullish(),
  description: z.string().nullish(),
  description_hash: z.string().nullish(),
  preimage: z.string().nullish(),
  payment_hash: hash,
  amount,
  fees_paid: amount.nullish(),
  created_at: amount,
  expires_at: amount.nullish(),
  settled_at: amount.nullish(),
  metadata: z.unknown().optional(),
})

export type Transaction = z.output<typeof transactionSchema>

const pageSchema = z.object({ transactions: z.array(transactionSchema) })
const metadataSchema = z.object({ idempotency_key: z.string(), request: z.string().optional() })

/**
 * Rows of a page. NIP-47 allows 20, each with metadata of 4,096 characters, which is more than the 65,535 bytes that NIP-44
 * can encrypt.
 */
const pageRows = 10
/** Ends a list that never ends. */
const maxPages = 10_000

/** Looks an invoice or payment up; `null` when the wallet has never heard of it (NIP-47, lookup_invoice). */
export async function lookUp(ask: Ask, paymentHash: string): Promise<Transaction | null> {
  const answer = await ask('lookup_invoice', { payment_hash: paymentHash })
  if (!answer.ok && answer.code === 'NOT_FOUND') return null
  const found = resultOf(transactionSchema, answer)
  if (found.payment_hash !== paymentHash) throw new LightningUnavailable('the wallet answers about another payment')
  return found
}

/**
 * Incoming transactions since `from` (Unix seconds, `null`: all), newest first, none twice. NIP-47 lists by creation; Alby
 * Hub by the last change, so that `from` must lie before both.
 */
export async function* listIncoming(
  ask: Ask,
  { from, unpaid }: { from: number | null; unpaid: boolean },
): AsyncGenerator<Transaction, void, void> {
  const seen = new Set<string>()
  const base = { ...(from === null ? {} : { from: Math.max(0, from) }), limit: pageRows, unpaid, type: 'incoming' }
  let offset = 0
  for (let page = 0; page < maxPages; page++) {
    const { transactions } = resultOf(pageSchema, await ask('list_transactions', { ...base, offset }))
    // Short pages do not say that they are the last: wallets have limits of their own. What comes in meanwhile moves rows
    // on to later pages, never to earlier ones.
    const fresh = transactions.filter(row => row.type === 'incoming' && !seen.has(row.payment_hash))
    if (transactions.length === 0 || (fresh.length === 0 && page > 0)) return
    for (const row of fresh) seen.add(row.payment_hash)
    yield* fresh
    offset += transactions.length
  }
  throw new LightningUnavailable("the wallet's list of transactions has no end")
}

/** What has arrived for an incoming invoice. Throws `LightningUnavailable` when it is said to be settled, but not when. */
export function arrivalOf(
  { state, settled_at: settledAt, amount: receivedMsat }: Transaction,
  now: number,
): { status: 'settled' | 'accepted'; receivedMsat: number; at: number } | null {
  const isSettled = state === 'settled' || (state == null && typeof settledAt === 'number')
  if (isSettled && typeof settledAt !== 'number') {
    throw new LightningUnavailable('the wallet does not say when an invoice was settled')
  }
  if (isSettled && typeof settledAt === 'number') return { status: 'settled', receivedMsat, at: settledAt }
  // NIP-47 does not say when a payment arrived that waits: it was there by now.
  return state === 'accepted' ? { status: 'accepted', receivedMsat, at: now } : null
}

/** The state of an incoming invoice; `now` in Unix seconds. Throws `LightningUnavailable` when a settled one lacks its proof. */
export function stateOf(transaction: Transaction, now: number): InvoiceState {
  const arrival = arrivalOf(transaction, now)
  if (arrival?.status === 'settled') {
    const preimage = hash.safeParse(transaction.preimage)
    if (!preimage.success) throw new LightningUnavailable("the wallet's settled invoice is without preimage")
    return { ...arrival, status: 'settled', preimage: preimage.data }
  }
  if (arrival !== null) return { ...arrival, status: 'accepted' }
  const { state, expires_at: expiresAt } = transaction
  // Of invoices only held ones end before they expire (Alby Hub, transactions_service.go, CancelHoldInvoice).
  if (state === 'failed') return { status: 'cancelled' }
  return { status: state === 'expired' || now >= (expiresAt ?? Number.POSITIVE_INFINITY) ? 'expired' : 'open' }
}

/** The key that an invoice or payment was asked for with, and a digest of the request; `null` when it is not one of ours. */
export function keyOf({ metadata }: Transaction): z.output<typeof metadataSchema> | null {
  return metadataSchema.safeParse(metadata).data ?? null
}
