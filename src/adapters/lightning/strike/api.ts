import { z } from 'zod'
import { ask, type HttpAnswer, type HttpRequest, type HttpTarget, readAnswer } from '../http-client.ts'
import { LightningUnavailable } from '../port.ts'
import { msatOf } from './money.ts'

/** An error code of Strike's and, where it names one, the payment that it is about. */
export type Refusal = { readonly refused: string; readonly paymentId: string | null }

export type ReceiveRequest = z.output<typeof receiveRequest>
export type Receive = z.output<typeof receive>
export type Quote = z.output<typeof quote>
export type Payment = z.output<typeof payment>

const uuid = z.string().regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i)
const hash = z
  .string()
  .regex(/^[0-9a-f]{64}$/i)
  .transform(text => text.toLowerCase())
const money = z.object({ amount: z.string(), currency: z.string() })
/** Millisatoshi; Strike names the currency with every amount. */
const bitcoin = z.object({ amount: z.string(), currency: z.literal('BTC') }).transform(({ amount }) => msatOf(amount))
/** Unix seconds, with a fraction. */
const time = z.string().transform((text, context) => {
  const seconds = Date.parse(text) / 1_000
  if (Number.isFinite(seconds)) return seconds
  context.addIssue('not a time')
  return z.NEVER
})

/** docs.strike.me/api/find-receive-request-by-id */
const receiveRequest = z.object({
  receiveRequestId: uuid,
  bolt11: z.object({ invoice: z.string().min(1), paymentHash: hash, expires: time }).nullish(),
})
/** docs.strike.me/api/get-receives-for-all-receive-requests */
const receive = z.object({
  receiveId: uuid,
  receiveRequestId: uuid,
  type: z.string(),
  state: z.string(),
  amountReceived: money,
  amountCredited: money.nullish(),
  created: time,
  completed: time.nullish(),
  lightning: z.object({ preimage: z.string().nullish(), paymentHash: hash }).nullish(),
})
/** docs.strike.me/api/create-lightning-payment-quote */
const quote = z.object({ paymentQuoteId: uuid, totalAmount: bitcoin })
/** docs.strike.me/api/execute-payment-quote, and find-payment-by-id */
const payment = z.object({
  paymentId: uuid,
  state: z.enum(['PENDING', 'COMPLETED', 'FAILED']),
  amount: bitcoin,
  totalAmount: bitcoin,
  lightning: z.object({ preimage: z.string().nullish() }).nullish(),
})
const pageOf = <Item extends z.ZodType>(item: Item) => z.object({ items: z.array(item), count: z.int().nullish() })
const balances = z.array(z.object({ currency: z.string(), available: z.string() }))
const entry = z.object({ correlationId: z.string().nullish(), description: z.string().nullish() })
/** docs.strike.me/api, Errors */
const refusal = z.object({
  data: z.object({ code: z.string(), values: z.record(z.string(), z.unknown()).nullish() }),
})

export const pageSize = 100

export type StrikeApi = ReturnType<typeof createStrikeApi>

/** The calls of Strike's documented API that this project makes. Each throws `LightningUnavailable` without a usable answer. */
export function createStrikeApi({ url, apiKey }: { url: string; apiKey: string }) {
  const headers = { authorization: `Bearer ${apiKey}`, accept: 'application/json' }
  const target: HttpTarget = { url: new URL(url), headers }

  const request = async <Schema extends z.ZodType>(
    schema: Schema,
    asked: HttpRequest,
    signal: AbortSignal,
  ): Promise<z.output<Schema> | Refusal> => {
    const answer = await ask(target, asked, signal)
    return isGood(answer) ? readAnswer(schema, answer.body) : refusalOf(answer)
  }
  const get = async <Schema extends z.ZodType>(
    schema: Schema,
    path: string,
    query: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<z.output<Schema>> => {
    const answer = await ask(target, { method: 'GET', path, query }, signal)
    if (!isGood(answer)) throw unavailable(refusalOf(answer))
    return readAnswer(schema, answer.body)
  }

  return {
    createReceiveRequest: (json: object, signal: AbortSignal) =>
      request(receiveRequest, { method: 'POST', path: '/v1/receive-requests', json }, signal),
    receiveRequest: (id: string, signal: AbortSignal) => get(receiveRequest, `/v1/receive-requests/${id}`, {}, signal),
    /** `null` when the account never made an invoice with this payment hash. */
    receiveRequestByHash: async (paymentHash: string, signal: AbortSignal): Promise<ReceiveRequest | null> => {
      const { items } = await get(pageOf(receiveRequest), '/v1/receive-requests', { $paymentHash: paymentHash }, signal)
      const [found] = items
      if (found === undefined) return null
      if (found.bolt11?.paymentHash === paymentHash) return found
      throw new LightningUnavailable('Strike does not find invoices by their payment hash')
    },
    receivesOf: async (id: string, signal: AbortSignal) =>
      (await get(pageOf(receive), `/v1/receive-requests/${id}/receives`, { $top: `${pageSize}` }, signal)).items,
    /** One page of all that was received, on whatever invoice or address, and how many there are. */
    receives: async (skip: number, signal: AbortSignal) => {
      const query = { $skip: `${skip}`, $top: `${pageSize}` }
      const { items, count } = await get(pageOf(receive), '/v1/receive-requests/receives', query, signal)
      return { items, count: count ?? skip + items.length }
    },
    /** What is written in the invoice with this correlation id; `null` when there is none. */
    invoiceDescription: async (correlationId: string, signal: AbortSignal): Promise<string | null> => {
      const query = { $filter: `correlationId eq '${correlationId}'` }
      const { items } = await get(pageOf(entry), '/v1/invoices', query, signal)
      const [found] = items
      if (found === undefined) return null
      if (found.correlationId === correlationId) return found.description ?? ''
      throw new LightningUnavailable('Strike does not find invoices by their correlation id')
    },
    createInvoice: (json: object, signal: AbortSignal) =>
      request(entry, { method: 'POST', path: '/v1/invoices', json }, signal),
    createQuote: (lnInvoice: string, idempotencyKey: string, signal: AbortSignal) => {
      const asked = { method: 'POST', path: '/v1/payment-quotes/lightning' } as const
      const json = { lnInvoice, sourceCurrency: 'BTC' }
      return request(quote, { ...asked, json, headers: { 'idempotency-key': idempotencyKey } }, signal)
    },
    executeQuote: (id: string, signal: AbortSignal) =>
      request(payment, { method: 'PATCH', path: `/v1/payment-quotes/${id}/execute` }, signal),
    payment: (id: string, signal: AbortSignal) => get(payment, `/v1/payments/${id}`, {}, signal),
    /** What is available in bitcoin, in msat. */
    balanceMsat: async (signal: AbortSignal): Promise<number> => {
      const found = (await get(balances, '/v1/balances', {}, signal)).find(({ currency }) => currency === 'BTC')
      if (found === undefined) throw new LightningUnavailable('the Strike account has no balance in bitcoin')
      return msatOf(found.available)
    },
  }
}

/** The error for a refusal that leaves nothing to do but to ask again. */
export function unavailable({ refused }: Refusal): LightningUnavailable {
  return new LightningUnavailable(`Strike refuses (${refused})`)
}

function isGood({ status }: HttpAnswer): boolean {
  return status === 200 || status === 201 || status === 202
}

/** What a request was refused for; whether anything happened is not known for any other status. */
function refusalOf({ status, body }: HttpAnswer): Refusal {
  if (status !== 400 && status !== 404 && status !== 409 && status !== 422) {
    throw new LightningUnavailable(`Strike answers with status ${status}`)
  }
  const { code, values } = readAnswer(refusal, body).data
  const paymentId = uuid.safeParse(values?.paymentId)
  // Codes are words in capitals; whatever else it is, it is not shown.
  const refused = /^[A-Z_]{1,60}$/.test(code) ? code : 'unknown code'
  return { refused, paymentId: paymentId.success ? paymentId.data : null }
}
