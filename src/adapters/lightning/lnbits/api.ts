import { z } from 'zod'
import { ask, type HttpAnswer, type HttpRequest, type HttpTarget, readAnswer } from '../http-client.ts'
import { InvoiceRefused, LightningUnavailable } from '../port.ts'

/** One line of a wallet's history: coming in if the amount is above zero, else going out. Amounts in msat, times in Unix seconds. */
export type Payment = z.output<typeof payment>

/** What is asked of an LNbits server; every call throws `LightningUnavailable` without a usable answer. */
export type LnbitsApi = {
  /** Only an admin key's holder is told the wallet's id. */
  wallet(signal: AbortSignal, key?: 'admin'): Promise<{ balanceMsat: number; isAdmin: boolean }>
  /** Throws `InvoiceRefused`, too. */
  createInvoice(body: Readonly<Record<string, unknown>>, signal: AbortSignal): Promise<Payment>
  /** `null` when this wallet has no such payment. `live` is what LNbits' funding source says of a pending one now. */
  payment(hash: string, signal: AbortSignal): Promise<{ payment: Payment; live: string | null } | null>
  /** One page of the history. Filters that a version does not know have no effect. */
  payments(filters: Readonly<Record<string, string>>, signal: AbortSignal): Promise<Page>
  /** The most that LNbits lets a payment of this invoice cost, in msat. */
  feeReserveMsat(bolt11: string, signal: AbortSignal): Promise<number>
  /** The payment as it is now, or how it was refused; `status` is LNbits' own word for what became of it. */
  pay(bolt11: string, signal: AbortSignal): Promise<Payment | { refused: string; status: string | null }>
}

export type Page = {
  readonly payments: Payment[]
  /** How many fit the filters, on all pages. */
  readonly total: number
  readonly isEmpty: boolean
}

type Options = { url: string; invoiceKey: string; adminKey?: string | undefined }

/** LNbits writes time zones in some versions only; where there is none, the time is UTC. */
const time = z.string().transform((text, context) => {
  const seconds = Math.floor(Date.parse(/(Z|[+-]\d\d:?\d\d)$/i.test(text) ? text : `${text}Z`) / 1_000)
  if (Number.isSafeInteger(seconds)) return seconds
  context.addIssue('not a time')
  return z.NEVER
})

/** LNbits, core/models/payments.py, `Payment`: since version 1.0 the answer to creating and paying, too. */
const payment = z.object({
  payment_hash: z.string().regex(/^[0-9a-f]{64}$/),
  wallet_id: z.string().min(1),
  /** Millisatoshi, whatever unit the invoice was asked for in. */
  amount: z.int(),
  /** Millisatoshi; below zero. While a payment is pending, what is reserved. */
  fee: z.int(),
  bolt11: z.string().min(1),
  status: z.enum(['pending', 'success', 'failed']),
  preimage: z.string().nullish(),
  tag: z.string().nullish(),
  extra: z.record(z.string(), z.unknown()).nullish(),
  time,
  expiry: time.nullish(),
  updated_at: time.nullish(),
})
/** Newer versions list what is no Lightning payment at all; it has no payment hash. */
const notLightning = z.object({ payment_hash: z.null() }).transform(() => null)
const page = z.object({ data: z.array(z.union([payment, notLightning])), total: z.int() })
const found = z.object({ details: payment, status: z.string().nullish() })
const wallet = z.object({ balance: z.int(), id: z.string().nullish() })
const feeReserve = z.object({ fee_reserve: z.int().nonnegative() })
const refusal = z.object({ detail: z.unknown(), status: z.string().nullish() })

const noSuchPayment = 'Payment does not exist.'

/** The calls of LNbits' documented API (`/docs` of every LNbits server) that this project makes. */
export function createLnbitsApi({ url, invoiceKey, adminKey }: Options): LnbitsApi {
  const targetOf = (key: string): HttpTarget => ({
    url: new URL(url),
    headers: { 'x-api-key': key, accept: 'application/json' },
  })
  const invoiceTarget = targetOf(invoiceKey)
  const adminTarget = targetOf(adminKey ?? invoiceKey)
  const read = (request: HttpRequest, signal: AbortSignal) => ask(invoiceTarget, request, signal)

  return {
    wallet: async (signal, key) => {
      const request = { method: 'GET', path: '/api/v1/wallet' } as const
      const answer = await ask(key === 'admin' ? adminTarget : invoiceTarget, request, signal)
      const { balance, id } = readAnswer(wallet, bodyOf(answer))
      return { balanceMsat: balance, isAdmin: id != null }
    },
    createInvoice: async (json, signal) => {
      const answer = await read({ method: 'POST', path: '/api/v1/payments', json }, signal)
      if (isRefusedInvoice(answer)) throw new InvoiceRefused(`LNbits refuses the invoice (status ${answer.status})`)
      return readAnswer(payment, bodyOf(answer))
    },
    payment: async (hash, signal) => {
      const answer = await read({ method: 'GET', path: `/api/v1/payments/${hash}` }, signal)
      // A proxy answers 404, too: only LNbits' own words say that there is no such payment.
      if (answer.status === 404 && readAnswer(refusal, answer.body).detail === noSuchPayment) return null
      // Asked with a key that it does not know, LNbits tells of any wallet's payment, but leaves out the details.
      const { details, status = null } = readAnswer(found, bodyOf(answer))
      if (details.payment_hash !== hash) throw new LightningUnavailable('LNbits answers for another payment')
      return { payment: details, live: status }
    },
    payments: async (query, signal) => {
      const answer = await read({ method: 'GET', path: '/api/v1/payments/paginated', query }, signal)
      const { data, total } = readAnswer(page, bodyOf(answer))
      return { payments: data.filter(row => row !== null), total, isEmpty: data.length === 0 }
    },
    feeReserveMsat: async (invoice, signal) => {
      const answer = await read({ method: 'GET', path: '/api/v1/payments/fee-reserve', query: { invoice } }, signal)
      return readAnswer(feeReserve, bodyOf(answer)).fee_reserve
    },
    pay: async (bolt11, signal) => {
      const request = { method: 'POST', path: '/api/v1/payments', json: { out: true, bolt11 } } as const
      const answer = await ask(adminTarget, request, signal)
      // LNbits, exceptions.py: 520 for what it calls a payment error, 400 for what it would not even try.
      if (answer.status !== 400 && answer.status !== 520) return readAnswer(payment, bodyOf(answer))
      const { detail, status = null } = readAnswer(refusal, answer.body)
      return { refused: typeof detail === 'string' ? detail : '', status: answer.status === 400 ? 'failed' : status }
    },
  }
}

/**
 * LNbits, exceptions.py: 400 for what it cannot read, 520 for an invoice that it does not make, whose status says whether
 * that is final: a limit is `failed`, a funding source out of reach `pending`.
 */
function isRefusedInvoice({ status, body }: HttpAnswer): boolean {
  if (status === 400) return readAnswer(refusal, body).detail !== undefined
  return status === 520 && readAnswer(refusal, body).status === 'failed'
}

function bodyOf({ status, body }: HttpAnswer): string {
  if (status === 200 || status === 201) return body
  throw new LightningUnavailable(`LNbits answers with status ${status}`)
}
