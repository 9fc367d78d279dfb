import { randomUUID } from 'node:crypto'
import { decode } from 'bolt11'
import type { DevWallet } from '../../../../../src/adapters/lightning/dev-wallet/wallet.ts'
import { feeMsatOf } from '../../../../../src/adapters/lightning/phoenixd/payments.ts'
import { parseBolt11 } from '../../../../../src/bolt11.ts'
import { never, sha256 } from '../invoice-request.ts'
import type { Reply } from '../local-server.ts'
import { unlessRefused } from '../unless-refused.ts'

type Invoice = {
  readonly bolt11: string
  readonly paymentHash: string
  readonly externalId: string | null
  readonly description: string | null
  readonly amountSat: number
  readonly createdAt: number
  readonly expirySeconds: number
}
type Attempt = { readonly paymentId: string; readonly invoice: string; readonly sentMsat: number; createdAt: number }

/** phoenixd's endpoints (Api.kt, JsonSerializers.kt) in front of the wallet that really has the invoices and payments. */
export type PhoenixdNode = {
  createInvoice(form: URLSearchParams): Promise<Reply>
  decodeInvoice(form: URLSearchParams): Reply
  incoming(query: URLSearchParams): Promise<Reply>
  incomingByHash(paymentHash: string): Promise<Reply>
  payInvoice(form: URLSearchParams): Promise<Reply>
  outgoingByHash(paymentHash: string): Promise<Reply>
  balance(): Promise<Reply>
  info(): Reply
  close(): Promise<void>
}

const badRequest = (text: string): Reply => ({ status: 400, text })
const notFound: Reply = { status: 404, text: 'Not found' }
const isHash = (text: string) => /^[0-9a-f]{64}$/.test(text)

/** `tell` is called with what the websocket says of each payment. */
export function createPhoenixdNode(wallet: DevWallet, now: () => number, tell: (event: object) => void): PhoenixdNode {
  const invoices = new Map<string, Invoice>()
  const received = new Map<string, { receivedMsat: number; completedAt: number }>()
  const attempts = new Map<string, Attempt>()
  const closing = new AbortController()
  let lastMs = 0
  // Its clock has milliseconds, and goes on between two payments.
  const nextMs = (seconds: number) => {
    lastMs = Math.max(lastMs + 1, seconds * 1_000)
    return lastMs
  }

  const following = (async () => {
    for await (const one of wallet.incoming(null, closing.signal)) {
      received.set(one.paymentHash, { receivedMsat: one.receivedMsat, completedAt: nextMs(one.at) })
      tell({
        type: 'payment_received',
        timestamp: lastMs,
        amountSat: Math.floor(one.receivedMsat / 1_000),
        paymentHash: one.paymentHash,
        externalId: invoices.get(one.paymentHash)?.externalId ?? undefined,
      })
    }
  })()

  /** As the wallet has it now, even if nobody was told yet. */
  const describe = async (invoice: Invoice) => {
    const { paymentHash, createdAt, expirySeconds } = invoice
    const state = await wallet.lookUpInvoice(paymentHash, never)
    if (state.status === 'settled')
      while (!received.has(paymentHash) && !closing.signal.aborted) await new Promise(setImmediate)
    const arrival = received.get(paymentHash)
    const expiresAt = createdAt + expirySeconds * 1_000
    return {
      type: 'incoming_payment',
      subType: 'lightning',
      paymentHash,
      preimage: state.status === 'settled' ? state.preimage : sha256(paymentHash),
      ...(invoice.externalId === null ? {} : { externalId: invoice.externalId }),
      ...(invoice.description === null ? {} : { description: invoice.description }),
      invoice: invoice.bolt11,
      isPaid: arrival !== undefined,
      isExpired: now() * 1_000 > expiresAt,
      requestedSat: invoice.amountSat,
      receivedSat: Math.floor((arrival?.receivedMsat ?? 0) / 1_000),
      fees: 0,
      expiresAt,
      ...(arrival === undefined ? {} : { completedAt: arrival.completedAt }),
      createdAt,
    }
  }

  const createInvoice = async (form: URLSearchParams): Promise<Reply> => {
    const description = form.get('description')
    const descriptionHash = form.get('descriptionHash')
    const amountSat = Number(form.get('amountSat'))
    if ((description?.length ?? 0) > 128) {
      return badRequest('Request parameter description is too long (max 128 characters)')
    }
    if ((description === null) === (descriptionHash === null)) {
      return badRequest('Must provide either a description or descriptionHash')
    }
    if (!Number.isSafeInteger(amountSat)) return badRequest("Request parameter amountSat couldn't be parsed")
    // The preimage is its own.
    const preimage = sha256(randomUUID())
    const expirySeconds = Number(form.get('expirySeconds') ?? 3_600)
    const asked = { idempotencyKey: preimage, preimage, amountMsat: amountSat * 1_000, expirySeconds }
    const hashed = descriptionHash === null ? {} : { descriptionHash }
    const request = { ...asked, description: description ?? '', ...hashed }
    const made = await wallet.createInvoice(request, never).catch(unlessRefused)
    if (made === 'refused') return badRequest('Request parameter amountSat is too high')
    const { bolt11, paymentHash } = made
    const createdAt = nextMs(now())
    const externalId = form.get('externalId')
    invoices.set(paymentHash, { bolt11, paymentHash, externalId, description, amountSat, createdAt, expirySeconds })
    return { status: 200, json: { amountSat, paymentHash, serialized: bolt11 } }
  }

  const decodeInvoice = (form: URLSearchParams): Reply => {
    const invoice = form.get('invoice')
    if (invoice === null) return badRequest('Request parameter invoice is missing')
    if (parseBolt11(invoice) === null)
      return badRequest("Request parameter invoice couldn't be parsed/converted to bolt11invoice")
    const { tagsObject: tags, millisatoshis, timestamp } = decode(invoice)
    return {
      status: 200,
      json: {
        chain: 'regtest',
        ...(millisatoshis ? { amount: Number(millisatoshis) } : {}),
        paymentHash: tags.payment_hash,
        ...(tags.description === undefined ? {} : { description: tags.description }),
        ...(tags.purpose_commit_hash === undefined ? {} : { descriptionHash: tags.purpose_commit_hash }),
        minFinalCltvExpiryDelta: 18,
        paymentSecret: tags.payment_secret,
        ...(tags.expire_time === undefined ? {} : { expirySeconds: tags.expire_time }),
        extraHops: [],
        timestampSeconds: timestamp,
      },
    }
  }

  const incoming = async (query: URLSearchParams): Promise<Reply> => {
    const number = (name: string, otherwise: number) => Number(query.get(name) ?? otherwise)
    const [from, to] = [number('from', 0), number('to', Math.max(lastMs, now() * 1_000))]
    const [limit, offset] = [number('limit', 20), number('offset', 0)]
    const externalId = query.get('externalId')
    const wanted = [...invoices.values()].filter(one => externalId === null || one.externalId === externalId)
    const all = await Promise.all(wanted.map(describe))
    const timeOf = (one: (typeof all)[number]) =>
      query.get('all') === 'true' ? one.createdAt : (one.completedAt ?? -1)
    const sorted = all.filter(one => timeOf(one) >= from && timeOf(one) <= to).sort((a, b) => timeOf(b) - timeOf(a))
    return { status: 200, json: sorted.slice(offset, offset + limit) }
  }

  const incomingByHash = async (paymentHash: string): Promise<Reply> => {
    if (!isHash(paymentHash)) return badRequest("Request parameter paymentHash couldn't be parsed/converted to hex32")
    const invoice = invoices.get(paymentHash)
    return invoice === undefined ? notFound : { status: 200, json: await describe(invoice) }
  }

  const payInvoice = async (form: URLSearchParams): Promise<Reply> => {
    const bolt11 = form.get('invoice')
    if (bolt11 === null) return badRequest('Request parameter invoice is missing')
    const read = parseBolt11(bolt11)
    if (read === null) return badRequest("Request parameter invoice couldn't be parsed/converted to bolt11invoice")
    if (read.amountMsat === null) return badRequest('Request parameter amountSat is missing')
    const { paymentHash, amountMsat } = read
    const idempotencyKey = randomUUID()
    let outcome = await wallet.pay({ idempotencyKey, bolt11, maxFeeMsat: Number.MAX_SAFE_INTEGER }, never)
    const wasPaid = outcome.status === 'failed' && outcome.reason === 'this invoice was paid before'
    if (!wasPaid) {
      const sentMsat = amountMsat + feeMsatOf(amountMsat)
      attempts.set(paymentHash, { paymentId: idempotencyKey, invoice: bolt11, sentMsat, createdAt: nextMs(now()) })
    }
    // It answers once the payment has ended.
    while (outcome.status === 'unknown' && !closing.signal.aborted) {
      await new Promise(resolve => setTimeout(resolve, 5))
      outcome = (await wallet.lookUpPayment({ idempotencyKey, paymentHash }, never)) ?? outcome
    }
    if (outcome.status !== 'paid') {
      const reason = outcome.status === 'failed' ? outcome.reason : 'payment could not be sent'
      return { status: 200, json: { paymentHash, reason } }
    }
    return {
      status: 200,
      json: {
        recipientAmountSat: Math.floor(amountMsat / 1_000),
        routingFeeSat: Math.floor(outcome.feeMsat / 1_000),
        paymentId: idempotencyKey,
        paymentHash,
        paymentPreimage: outcome.preimage,
      },
    }
  }

  const outgoingByHash = async (paymentHash: string): Promise<Reply> => {
    if (!isHash(paymentHash)) return badRequest("Request parameter paymentHash couldn't be parsed/converted to hex32")
    const attempt = attempts.get(paymentHash)
    const outcome = await wallet.lookUpPayment({ idempotencyKey: '', paymentHash }, never)
    if (attempt === undefined || outcome === null) return notFound
    const { paymentId, invoice, sentMsat, createdAt } = attempt
    return {
      status: 200,
      json: {
        type: 'outgoing_payment',
        subType: 'lightning',
        paymentId,
        paymentHash,
        ...(outcome.status === 'paid' ? { preimage: outcome.preimage } : {}),
        isPaid: outcome.status === 'paid',
        sent: Math.floor(sentMsat / 1_000),
        fees: outcome.status === 'paid' ? outcome.feeMsat : 0,
        invoice,
        ...(outcome.status === 'unknown' ? {} : { completedAt: createdAt + 1 }),
        createdAt,
      },
    }
  }

  return {
    createInvoice,
    decodeInvoice,
    incoming,
    incomingByHash,
    payInvoice,
    outgoingByHash,
    balance: async () => {
      const balanceSat = Math.floor((await wallet.balanceMsat(never)) / 1_000)
      return { status: 200, json: { balanceSat, feeCreditSat: 391 } }
    },
    info: () => ({
      status: 200,
      json: { nodeId: wallet.nodeId, channels: [], chain: 'regtest', blockHeight: 103, version: '0.8.0-cf6a4e6' },
    }),
    close: async () => {
      closing.abort()
      await following
    },
  }
}
