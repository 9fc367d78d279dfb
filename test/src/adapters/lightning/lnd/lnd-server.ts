import { z } from 'zod'
import type { DevWallet } from '../../../../../src/adapters/lightning/dev-wallet/wallet.ts'
import type { LightningFixture } from '../contract.ts'
import { never, sha256 } from '../invoice-request.ts'
import { type Call, type LocalServer, type Reply, startLocalServer } from '../local-server.ts'
import { unlessRefused } from '../unless-refused.ts'
import { type InvoiceMessage, openInvoiceBook } from './lnd-invoices.ts'
import { openPaymentBook } from './lnd-payments.ts'
import { base64, hexOfPath, refuse, refuseStream } from './lnd-replies.ts'
import { createSubscriptions, type Subscriptions } from './lnd-subscriptions.ts'

/** An LND's REST interface in front of a node. */
export type LndServer = LocalServer & {
  readonly url: string
  readonly macaroon: string
  /** What the macaroon may do; tests take rights away. */
  readonly rights: Set<string>
  readonly subscriptions: Subscriptions
  /** The preimage of a hold invoice, which LND is not told. */
  learn(preimage: string): void
  /** An invoice as LND would tell it now. */
  invoice(paymentHash: string): Promise<InvoiceMessage | null>
  /** The next call of a kind gets this answer instead. */
  answerNext(kind: string, reply: Reply): void
  failAs: LightningFixture['fail']
}

type Route = {
  readonly kind: string
  readonly right: string
  readonly isStream?: boolean
  handle(call: Call, parameter: string): Promise<Reply> | Reply
}

const macaroon = `0201036c6e64${'5e'.repeat(40)}`
const ok: Reply = { status: 200, json: {} }

// Bodies are protobuf in JSON: integers of 64 bits as text, unknown fields are an error.
const bytes = z.base64().transform(text => Buffer.from(text, 'base64').toString('hex'))
const amount = z.string().regex(/^\d+$/).transform(Number)
const invoiceFields = {
  memo: z.string().default(''),
  description_hash: bytes.default(''),
  value_msat: amount,
  expiry: amount,
  private: z.boolean().default(false),
}
const addInvoice = z.strictObject({ ...invoiceFields, r_preimage: bytes })
const addHoldInvoice = z.strictObject({ ...invoiceFields, hash: bytes })
const sendPayment = z.strictObject({
  payment_request: z.string().default(''),
  fee_limit_msat: amount.default(0),
  timeout_seconds: z.int().default(60),
  no_inflight_updates: z.boolean().default(false),
})

export async function startLndServer(
  node: DevWallet,
  now: () => number,
  tls?: { key: string; cert: string },
): Promise<LndServer> {
  const invoices = openInvoiceBook(node, now)
  const payments = openPaymentBook(node, invoices, now)
  const subscriptions = createSubscriptions(invoices)
  const rights = new Set(['info:read', 'invoices:read', 'invoices:write', 'offchain:read', 'offchain:write'])
  const answers = new Map<string, Reply>()

  const add = async (wanted: z.output<typeof addHoldInvoice>, hold: boolean): Promise<Reply> => {
    const {
      hash: paymentHash,
      memo,
      description_hash: descriptionHash,
      value_msat,
      expiry,
      private: isPrivate,
    } = wanted
    const row = await invoices
      .add({
        paymentHash,
        hold,
        memo,
        descriptionHash,
        valueMsat: value_msat,
        expiry,
        private: isPrivate,
      })
      .catch(unlessRefused)
    if (row === 'refused') return refuse(2, 'payment of 1 BTC is too large, max payment allowed is 0.04294967 BTC')
    if (row === null) return refuse(2, 'invoice with payment hash already exists')
    const made = { payment_request: row.bolt11, add_index: String(row.addIndex), payment_addr: base64('00'.repeat(32)) }
    return { status: 200, json: hold ? made : { r_hash: base64(paymentHash), ...made } }
  }
  const list = async ({ query }: Call): Promise<Reply> => {
    const offset = Number(query.get('index_offset') ?? 0)
    const messages = await Promise.all(invoices.hashes().map(hash => invoices.message(hash)))
    const isPending = (state?: string) => state === 'OPEN' || state === 'ACCEPTED'
    const page = messages
      .filter(message => Number(message?.add_index) > offset)
      .filter(message => query.get('pending_only') !== 'true' || isPending(message?.state))
      .slice(0, Number(query.get('num_max_invoices') ?? 100))
    const last = page.at(-1)?.add_index ?? '0'
    return {
      status: 200,
      json: { invoices: page, last_index_offset: last, first_index_offset: page[0]?.add_index ?? '0' },
    }
  }
  const settle = async (preimage: string): Promise<Reply> => {
    const message = await invoices.message(sha256(Buffer.from(preimage, 'hex')))
    if (message === null) return refuse(2, 'unable to locate invoice')
    if (message.state === 'CANCELED') return refuse(2, 'invoice already canceled')
    if (message.state === 'OPEN') return refuse(2, 'invoice still open')
    await node.settleHold(preimage, never)
    return ok
  }
  const cancel = async (paymentHash: string): Promise<Reply> => {
    const message = await invoices.message(paymentHash)
    if (message === null) return refuse(2, 'unable to locate invoice')
    if (message.state === 'SETTLED') return refuse(2, 'invoice already settled')
    if (message.state !== 'CANCELED') await node.cancelHold(paymentHash, never)
    invoices.cancelled(paymentHash)
    return ok
  }

  const routes: readonly [string, RegExp, Route][] = [
    [
      'GET',
      /^\/v1\/getinfo$/,
      {
        kind: 'info',
        right: 'info:read',
        handle: () => ({ status: 200, json: { identity_pubkey: node.nodeId, synced_to_chain: true } }),
      },
    ],
    [
      'GET',
      /^\/v1\/balance\/channels$/,
      {
        kind: 'balance',
        right: 'offchain:read',
        handle: async () => {
          const msat = await node.balanceMsat(never)
          return {
            status: 200,
            json: {
              balance: String(Math.floor(msat / 1_000)),
              pending_open_balance: '0',
              local_balance: { sat: String(Math.floor(msat / 1_000)), msat: String(msat) },
            },
          }
        },
      },
    ],
    [
      'POST',
      /^\/v1\/invoices$/,
      {
        kind: 'create',
        right: 'invoices:write',
        handle: ({ body }) => {
          const { r_preimage, ...wanted } = addInvoice.parse(JSON.parse(body))
          invoices.learn(r_preimage)
          return add({ ...wanted, hash: sha256(Buffer.from(r_preimage, 'hex')) }, false)
        },
      },
    ],
    [
      'POST',
      /^\/v2\/invoices\/hodl$/,
      {
        kind: 'create',
        right: 'invoices:write',
        handle: ({ body }) => add(addHoldInvoice.parse(JSON.parse(body)), true),
      },
    ],
    [
      'POST',
      /^\/v2\/invoices\/settle$/,
      {
        kind: 'hold',
        right: 'invoices:write',
        handle: ({ body }) => settle(z.strictObject({ preimage: bytes }).parse(JSON.parse(body)).preimage),
      },
    ],
    [
      'POST',
      /^\/v2\/invoices\/cancel$/,
      {
        kind: 'hold',
        right: 'invoices:write',
        handle: ({ body }) => cancel(z.strictObject({ payment_hash: bytes }).parse(JSON.parse(body)).payment_hash),
      },
    ],
    ['GET', /^\/v1\/invoices$/, { kind: 'list', right: 'invoices:read', handle: list }],
    [
      'GET',
      /^\/v1\/invoices\/subscribe$/,
      {
        kind: 'stream',
        right: 'invoices:read',
        isStream: true,
        handle: ({ query }) => subscriptions.toAll(Number(query.get('settle_index') ?? 0)),
      },
    ],
    [
      'GET',
      /^\/v2\/invoices\/subscribe\/([^/]+)$/,
      {
        kind: 'watch',
        right: 'invoices:read',
        isStream: true,
        handle: (_call, text) => {
          const paymentHash = hexOfPath(text)
          return paymentHash === null
            ? refuseStream(3, 'type mismatch, parameter: r_hash, error: illegal base64 data')
            : subscriptions.toOne(paymentHash)
        },
      },
    ],
    [
      'GET',
      /^\/v1\/invoice\/([^/]+)$/,
      {
        kind: 'lookup',
        right: 'invoices:read',
        handle: async (_call, paymentHash) => {
          const message = await invoices.message(paymentHash)
          return message === null ? refuse(5, 'unable to locate invoice') : { status: 200, json: message }
        },
      },
    ],
    [
      'GET',
      /^\/v1\/payreq\/([^/]+)$/,
      { kind: 'decode', right: 'offchain:read', handle: (_call, text) => payments.decode(text) },
    ],
    [
      'POST',
      /^\/v2\/router\/send$/,
      {
        kind: 'pay',
        right: 'offchain:write',
        isStream: true,
        handle: ({ body }) => {
          const { payment_request, fee_limit_msat, no_inflight_updates } = sendPayment.parse(JSON.parse(body))
          return payments.send({
            paymentRequest: payment_request,
            feeLimitMsat: fee_limit_msat,
            noInflightUpdates: no_inflight_updates,
          })
        },
      },
    ],
    [
      'GET',
      /^\/v2\/router\/track\/([^/]+)$/,
      {
        kind: 'lookup',
        right: 'offchain:read',
        isStream: true,
        handle: (_call, text) => {
          const paymentHash = hexOfPath(text)
          return paymentHash === null
            ? refuseStream(3, 'type mismatch, parameter: payment_hash, error: illegal base64 data')
            : payments.track(paymentHash)
        },
      },
    ],
  ]
  const find = ({ method, path }: Call) => {
    for (const [wanted, pattern, route] of routes) {
      const match = pattern.exec(path)
      if (method === wanted && match !== null) return { ...route, parameter: match[1] ?? '' }
    }
    return null
  }

  const server = await startLocalServer({
    kindOf: call => find(call)?.kind ?? 'unknown',
    handle: async call => {
      const route = find(call)
      if (route === null) return refuse(5, 'Not Found')
      const no = route.isStream ? refuseStream : refuse
      const shown = call.headers['grpc-metadata-macaroon']
      if (shown === undefined) return no(2, 'expected 1 macaroon, got 0')
      if (shown !== macaroon) return no(2, 'verification failed: signature mismatch after caveat verification')
      if (!rights.has(route.right)) return no(2, 'permission denied')
      const answer = answers.get(route.kind)
      answers.delete(route.kind)
      if (answer !== undefined) return answer
      try {
        return await route.handle(call, route.parameter)
      } catch (error) {
        if (error instanceof z.ZodError) return no(3, 'proto: unknown or invalid field')
        throw error
      }
    },
    ...(tls === undefined ? {} : { tls }),
  })

  return {
    ...server,
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${server.port}`,
    macaroon,
    rights,
    subscriptions,
    learn: invoices.learn,
    invoice: invoices.message,
    answerNext: (kind, reply) => void answers.set(kind, reply),
    failAs: (call, mode) => {
      // Who listens already notices when the connection is lost; otherwise the next call does.
      if (call !== 'stream') server.fail(call, mode)
      else if (subscriptions.count() === 0) server.fail('list', mode)
      else subscriptions.breakOff(mode === 'unavailable' ? 'now' : 'at next settlement')
    },
    close: async () => {
      await invoices.close()
      await server.close()
    },
  }
}
