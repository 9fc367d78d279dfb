import { randomBytes, randomUUID } from 'node:crypto'
import { z } from 'zod'
import type { DevWallet } from '../../../../../src/adapters/lightning/dev-wallet/wallet.ts'
import { createStrikeBackend } from '../../../../../src/adapters/lightning/strike/backend.ts'
import { parseBolt11 } from '../../../../../src/bolt11.ts'
import { type Call, type LocalServer, type Reply, type ServerFault, startLocalServer } from '../local-server.ts'
import type { BackendServer } from '../open-remote.ts'
import { unlessRefused } from '../unless-refused.ts'

export const apiKey = 'ab'.repeat(32).toUpperCase()

export type StrikeServer = BackendServer & {
  readonly url: string
  readonly local: LocalServer
  readonly receives: ReceiveRow[]
  readonly settings: {
    /** What a quote asks for, in satoshis. */
    quotedFeeSat: number
    /** In which order receives are listed, which Strike does not document. */
    isOldestFirst: boolean
    /** Whether a quote that was executed is refused with the id of its payment. */
    isNamingPayments: boolean
    /** How long a quote can be executed. */
    quoteSeconds: number
  }
  failKind(kind: string, fault: ServerFault): void
}

type Money = { amount: string; currency: string }
export type ReceiveRow = {
  receiveId: string
  receiveRequestId: string
  type: 'LIGHTNING' | 'ONCHAIN' | 'P2P'
  state: 'PENDING' | 'COMPLETED'
  amountReceived: Money
  amountCredited?: Money
  created: string
  completed?: string
  lightning?: Record<string, string | null>
  p2p?: { payerAccountId: string }
}
type RequestRow = { receiveRequestId: string; bolt11: { invoice: string; paymentHash: string; expires: string } }
type QuoteRow = { id: string; lnInvoice: string; amountMsat: number; validUntil: number; paymentId: string | null }

const money = z.object({ amount: z.string().regex(/^\d+\.\d{8}$/), currency: z.literal('BTC') })
const requestBody = z.object({
  bolt11: z.object({
    amount: money,
    description: z.string().min(1).max(250).optional(),
    descriptionHash: z.string().optional(),
    expiryInSeconds: z.int().positive(),
  }),
  targetCurrency: z.literal('BTC'),
})
const invoiceBody = z.object({
  correlationId: z.string().max(40),
  description: z.string().max(200),
  amount: money,
})
const quoteBody = z.object({ lnInvoice: z.string().min(1), sourceCurrency: z.literal('BTC') })

/** A Strike account, whose Lightning node is the node. */
export async function startStrike(node: DevWallet, now: () => number): Promise<StrikeServer> {
  const never = new AbortController().signal
  const settings = { quotedFeeSat: 10, isOldestFirst: false, isNamingPayments: true, quoteSeconds: 60 }
  const requests: RequestRow[] = []
  const receives: ReceiveRow[] = []
  const invoices: Record<string, unknown>[] = []
  const quotes: QuoteRow[] = []
  const payments = new Map<string, { paymentHash: string; amountMsat: number }>()

  /** Books what the node received meanwhile. */
  const sync = async () => {
    for (const { receiveRequestId, bolt11 } of requests) {
      if (receives.some(receive => receive.receiveRequestId === receiveRequestId)) continue
      const state = await node.lookUpInvoice(bolt11.paymentHash, never)
      if (state.status !== 'settled') continue
      const amount = btc(state.receivedMsat)
      const at = iso(state.at)
      receives.push({
        ...{ receiveId: randomUUID(), receiveRequestId, type: 'LIGHTNING', state: 'COMPLETED' },
        ...{ amountReceived: amount, amountCredited: amount, created: at, completed: at },
        lightning: { invoice: bolt11.invoice, preimage: state.preimage, paymentHash: bolt11.paymentHash },
      })
    }
  }

  const createRequest = async (body: unknown): Promise<Reply> => {
    const asked = requestBody.safeParse(body)
    if (!asked.success) return errorOf(400, 'INVALID_DATA')
    const { amount, description, descriptionHash, expiryInSeconds } = asked.data.bolt11
    const made = await node
      .createInvoice(
        {
          idempotencyKey: randomUUID(),
          preimage: randomBytes(32).toString('hex'),
          amountMsat: Number(amount.amount.replace('.', '')) * 1_000,
          description: description ?? '',
          ...(descriptionHash === undefined ? {} : { descriptionHash }),
          expirySeconds: expiryInSeconds,
        },
        never,
      )
      .catch(unlessRefused)
    if (made === 'refused') return errorOf(422, 'AMOUNT_TOO_HIGH')
    const bolt11 = {
      ...{ invoice: made.bolt11, requestedAmount: amount, btcAmount: amount.amount, description, descriptionHash },
      ...{ paymentHash: made.paymentHash, expires: iso(made.expiresAt) },
    }
    const row = { receiveRequestId: randomUUID(), created: iso(now()), targetCurrency: 'BTC', bolt11 }
    requests.push(row)
    return { status: 201, json: row }
  }

  const createInvoice = (body: unknown): Reply => {
    const asked = invoiceBody.safeParse(body)
    if (!asked.success) return errorOf(400, 'INVALID_DATA')
    // "Must be a unique value": the code for that is not documented.
    if (invoices.some(({ correlationId }) => correlationId === asked.data.correlationId)) {
      return errorOf(409, 'DUPLICATE_INVOICE')
    }
    const row = { invoiceId: randomUUID(), ...asked.data, state: 'UNPAID', created: iso(now()) }
    invoices.push(row)
    return { status: 201, json: row }
  }

  const createQuote = async (body: unknown, key: unknown): Promise<Reply> => {
    const asked = quoteBody.safeParse(body)
    if (!asked.success || !z.uuid({ version: 'v4' }).safeParse(key).success) return errorOf(400, 'INVALID_DATA')
    const { lnInvoice } = asked.data
    const invoice = parseBolt11(lnInvoice)
    if (!invoice?.amountMsat) return errorOf(422, 'INVALID_LN_INVOICE')
    if (now() >= invoice.expiresAt) return errorOf(422, 'INVALID_STATE_FOR_INVOICE_EXPIRED')
    const { amountMsat } = invoice
    if ((await node.balanceMsat(never)) < amountMsat) return errorOf(422, 'BALANCE_TOO_LOW')
    const validUntil = now() + settings.quoteSeconds
    const quote: QuoteRow = { id: randomUUID(), lnInvoice, amountMsat, validUntil, paymentId: null }
    quotes.push(quote)
    const fee = btc(settings.quotedFeeSat * 1_000)
    const totalAmount = btc(amountMsat + settings.quotedFeeSat * 1_000)
    const terms = { validUntil: iso(validUntil), amount: btc(amountMsat), totalFee: fee, totalAmount }
    return { status: 200, json: { paymentQuoteId: quote.id, lightningNetworkFee: fee, ...terms } }
  }

  const executeQuote = async (id: string): Promise<Reply> => {
    const quote = quotes.find(one => one.id === id)
    if (quote === undefined) return errorOf(404, 'NOT_FOUND')
    if (quote.paymentId !== null) {
      const values = settings.isNamingPayments ? { paymentId: quote.paymentId } : {}
      return errorOf(422, 'PAYMENT_PROCESSED', values)
    }
    if (now() >= quote.validUntil) return errorOf(422, 'PAYMENT_QUOTE_EXPIRED')
    const { lnInvoice: bolt11, amountMsat } = quote
    const paymentHash = parseBolt11(bolt11)?.paymentHash ?? ''
    const maxFeeMsat = settings.quotedFeeSat * 1_000
    const outcome = await node.pay({ idempotencyKey: paymentHash, bolt11, maxFeeMsat }, never)
    if (outcome.status === 'failed' && outcome.reason.includes('fee')) return errorOf(422, 'LN_ROUTE_NOT_FOUND')
    quote.paymentId = randomUUID()
    payments.set(quote.paymentId, { paymentHash, amountMsat })
    const json = await paymentJson(quote.paymentId)
    return { status: json.state === 'PENDING' ? 202 : 200, json }
  }

  const paymentJson = async (paymentId: string) => {
    const { paymentHash = '', amountMsat = 0 } = payments.get(paymentId) ?? {}
    const outcome = await node.lookUpPayment({ idempotencyKey: '', paymentHash }, never)
    const amount = btc(amountMsat)
    if (outcome?.status !== 'paid') {
      const state = outcome?.status === 'failed' ? 'FAILED' : 'PENDING'
      return { paymentId, state, amount, totalAmount: btc(amountMsat + settings.quotedFeeSat * 1_000) }
    }
    const fee = btc(outcome.feeMsat)
    const lightning = { networkFee: fee, paymentHash, preimage: outcome.preimage }
    const totalAmount = btc(amountMsat + outcome.feeMsat)
    return { paymentId, state: 'COMPLETED', completed: iso(now()), amount, totalFee: fee, totalAmount, lightning }
  }

  const pageOf = <Row>(rows: readonly Row[], query: URLSearchParams): Reply => {
    const skip = Number(query.get('$skip') ?? 0)
    const items = rows.slice(skip, skip + Math.min(100, Number(query.get('$top') ?? 100)))
    return { status: 200, json: { items, count: rows.length } }
  }

  const read = async ({ path, query }: Call): Promise<Reply> => {
    const [, , what, id, part] = path.split('/')
    if (path === '/v1/balances') {
      const available = btc(await node.balanceMsat(never)).amount
      const dollars = { currency: 'USD', outgoing: '0', available: '12.50', total: '12.50' }
      return { status: 200, json: [dollars, { currency: 'BTC', outgoing: '0', available, total: available }] }
    }
    if (path === '/v1/invoices') {
      const [, wanted] = /^correlationId eq '(.*)'$/.exec(query.get('$filter') ?? '') ?? []
      return pageOf(
        invoices.filter(({ correlationId }) => correlationId === wanted),
        query,
      )
    }
    if (path === '/v1/receive-requests') {
      const wanted = query.getAll('$paymentHash')
      return pageOf(
        requests.filter(({ bolt11 }) => wanted.length === 0 || wanted.includes(bolt11.paymentHash)),
        query,
      )
    }
    if (path === '/v1/receive-requests/receives') {
      return pageOf(settings.isOldestFirst ? receives : [...receives].reverse(), query)
    }
    if (what === 'receive-requests' && part === 'receives') {
      return pageOf(
        receives.filter(({ receiveRequestId }) => receiveRequestId === id),
        query,
      )
    }
    const request = requests.find(({ receiveRequestId }) => what === 'receive-requests' && receiveRequestId === id)
    if (request !== undefined) return { status: 200, json: request }
    if (what === 'payments' && payments.has(id ?? '')) return { status: 200, json: await paymentJson(id ?? '') }
    return errorOf(404, 'NOT_FOUND')
  }

  const handle = async (call: Call): Promise<Reply> => {
    if (call.headers.authorization !== `Bearer ${apiKey}`) return errorOf(401, 'UNAUTHORIZED')
    await sync()
    const { method, path, body, headers } = call
    if (method === 'GET') return read(call)
    const [, quoteId] = /^\/v1\/payment-quotes\/([^/]+)\/execute$/.exec(path) ?? []
    if (method === 'PATCH' && quoteId !== undefined) return executeQuote(quoteId)
    if (path === '/v1/receive-requests') return createRequest(JSON.parse(body))
    if (path === '/v1/invoices') return createInvoice(JSON.parse(body))
    if (path === '/v1/payment-quotes/lightning') return createQuote(JSON.parse(body), headers['idempotency-key'])
    return errorOf(404, 'NOT_FOUND')
  }

  const local = await startLocalServer({ kindOf, handle })
  const url = `http://127.0.0.1:${local.port}`
  return {
    url,
    local,
    receives,
    settings,
    connect: async () => createStrikeBackend({ url, apiKey, now, pollMs: 5 }),
    failKind: local.fail,
    // Before anything has happened is the first call that changes something; after, the last.
    fail: (call, mode) => {
      const isBefore = mode === 'unavailable'
      if (call === 'create') return local.fail(isBefore ? 'request' : 'register', mode)
      if (call === 'pay') return local.fail(isBefore ? 'quote' : 'execute', mode)
      if (call === 'lookup') local.fail('find', mode)
      local.fail(call, mode)
    },
    close: local.close,
  }
}

function kindOf({ method, path }: Call): string {
  if (path.endsWith('/execute')) return 'execute'
  if (path === '/v1/payment-quotes/lightning') return 'quote'
  if (path === '/v1/invoices') return method === 'POST' ? 'register' : 'find'
  if (path === '/v1/receive-requests/receives') return 'stream'
  if (path === '/v1/receive-requests') return method === 'POST' ? 'request' : 'lookup'
  return path
}

export function btc(msat: number): Money {
  return {
    amount: (BigInt(msat) / 1_000n)
      .toString()
      .padStart(9, '0')
      .replace(/(\d{8})$/, '.$1'),
    currency: 'BTC',
  }
}

function iso(seconds: number): string {
  return new Date(seconds * 1_000).toISOString().replace('Z', '+00:00')
}

/** docs.strike.me/api, Errors. */
function errorOf(status: number, code: string, values: Record<string, string> = {}): Reply {
  return { status, json: { traceId: randomUUID(), data: { status, code, message: 'For developers.', values } } }
}
