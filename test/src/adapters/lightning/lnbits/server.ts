import { randomBytes, randomUUID } from 'node:crypto'
import { WebSocketServer } from 'ws'
import { z } from 'zod'
import type { DevWallet } from '../../../../../src/adapters/lightning/dev-wallet/wallet.ts'
import { createLnbitsBackend } from '../../../../../src/adapters/lightning/lnbits/backend.ts'
import { parseBolt11 } from '../../../../../src/bolt11.ts'
import { type Call, type LocalServer, type Reply, startLocalServer } from '../local-server.ts'
import type { BackendServer } from '../open-remote.ts'
import { unlessRefused } from '../unless-refused.ts'
import { isoOf, type Line, liveStatusOf, pageOf, updatePending } from './history.ts'

export const invoiceKey = '1a'.repeat(16)
export const adminKey = '2b'.repeat(16)
const walletId = '3c'.repeat(16)
const siteTitle = 'LNbits'

export type LnbitsServer = BackendServer & {
  readonly url: string
  readonly local: LocalServer
  /** The wallet's history, oldest first. */
  readonly lines: Line[]
  readonly settings: {
    /** `lnbits_reserve_fee_min`, in msat. */
    reserveFeeMsat: number
    /** LNbits' listener and its regular check of pending payments; without, it books nothing by itself. */
    isWatching: boolean
    /** Whether websockets are told. */
    isTelling: boolean
  }
  /** Sends a message to who listens at the websocket of the invoice key. */
  tell(message: unknown): void
}

const body = z.object({
  out: z.boolean().default(true),
  unit: z.string().default('sat'),
  amount: z.number().nonnegative().default(0),
  memo: z.string().max(640).nullish(),
  description_hash: z.string().nullish(),
  expiry: z.int().nullish(),
  extra: z.record(z.string(), z.unknown()).nullish(),
  bolt11: z.string().nullish(),
})

/** LNbits with one wallet, whose funding source is the node. */
export async function startLnbits(node: DevWallet, now: () => number): Promise<LnbitsServer> {
  const lines: Line[] = []
  const settings = { reserveFeeMsat: 10_000, isWatching: true, isTelling: true }
  const sockets = new WebSocketServer({ noServer: true })
  const stop = new AbortController()
  const never = new AbortController().signal

  const tell = (message: unknown) => {
    for (const socket of sockets.clients) socket.send(JSON.stringify(message))
  }
  const watch = async () => {
    if (!settings.isWatching) return
    for (const payment of lines) {
      if ((await updatePending(node, payment, now())) && settings.isTelling) tell({ wallet_balance: 0, payment })
    }
  }
  const listening = (async () => {
    for await (const _ of node.incoming(null, stop.signal)) await watch()
  })()

  const balanceMsat = () =>
    lines
      .filter(({ amount, status }) => status === 'success' || (status === 'pending' && amount < 0))
      .reduce((sum, { amount, fee }) => sum + amount - Math.abs(fee), 0)

  const addLine = (fields: Pick<Line, 'bolt11' | 'amount' | 'fee' | 'memo' | 'extra'>): Line => {
    const { paymentHash = '', expiresAt = 0 } = parseBolt11(fields.bolt11) ?? {}
    const time = isoOf(now())
    const tag = typeof fields.extra.tag === 'string' ? fields.extra.tag : null
    const line: Line = {
      ...{ checking_id: paymentHash, payment_hash: paymentHash, wallet_id: walletId, payment_request: fields.bolt11 },
      ...{ status: 'pending', fiat_provider: null, expiry: isoOf(expiresAt), webhook: null, webhook_status: null },
      ...{ preimage: null, tag, extension: null, time, created_at: time, updated_at: time, labels: [] },
      ...fields,
    }
    lines.push(line)
    return line
  }

  const createInvoice = async (asked: z.output<typeof body>): Promise<Reply> => {
    if (!(asked.amount > 0)) return errorOf(520, 'Amountless invoices not supported.', 'failed')
    const memo = asked.description_hash ? '' : (asked.memo ?? '') || siteTitle
    const made = await node
      .createInvoice(
        {
          idempotencyKey: randomUUID(),
          preimage: randomBytes(32).toString('hex'),
          amountMsat: Math.trunc(asked.amount) * 1_000,
          description: memo,
          ...(asked.description_hash ? { descriptionHash: asked.description_hash } : {}),
          expirySeconds: asked.expiry || 3_600,
        },
        never,
      )
      .catch(unlessRefused)
    if (made === 'refused') return errorOf(520, 'Invoice amount 10 sats is too high. Max allowed: 1 sats.', 'failed')
    const amount = Math.trunc(asked.amount) * 1_000
    return { status: 201, json: addLine({ bolt11: made.bolt11, amount, fee: 0, memo, extra: asked.extra ?? {} }) }
  }

  const payInvoice = async (bolt11: string): Promise<Reply> => {
    const invoice = parseBolt11(bolt11)
    if (invoice === null) return errorOf(520, 'Bolt11 decoding failed.', 'failed')
    const { paymentHash, amountMsat } = invoice
    if (amountMsat === null) return errorOf(520, 'Amountless invoices not supported.', 'failed')
    if (balanceMsat() < amountMsat) return errorOf(520, 'Insufficient balance.', 'failed')
    if (balanceMsat() < amountMsat + settings.reserveFeeMsat) {
      return errorOf(520, 'You must reserve at least (10  sat) to cover potential routing fees.', 'failed')
    }
    const old = lines.find(({ payment_hash, amount }) => payment_hash === paymentHash && amount < 0)
    if (old?.status === 'pending') return errorOf(520, 'Payment is still pending.', 'pending')
    if (old?.status === 'success') return errorOf(520, 'Payment already paid.', 'success')
    if (old !== undefined) return errorOf(520, 'Payment is failed node, retrying is not possible.', 'failed')
    const line = addLine({ bolt11, amount: -amountMsat, fee: -settings.reserveFeeMsat, memo: '', extra: {} })
    const maxFeeMsat = settings.reserveFeeMsat
    const outcome = await node.pay({ idempotencyKey: paymentHash, bolt11, maxFeeMsat }, never)
    await updatePending(node, line, now())
    if (outcome.status === 'failed') {
      line.status = 'failed'
      return errorOf(520, `Payment failed: ${outcome.reason}`, 'failed')
    }
    return { status: 201, json: line }
  }

  const onePayment = async (hash: string, isKnown: boolean): Promise<Reply> => {
    const [line] = lines.filter(one => one.payment_hash === hash).sort((one, other) => one.amount - other.amount)
    if (line === undefined) return errorOf(404, 'Payment does not exist.')
    const details = isKnown ? { details: line } : {}
    if (line.status === 'success') return { status: 200, json: { paid: true, preimage: line.preimage, ...details } }
    if (line.status === 'failed') return { status: 200, json: { paid: false, status: 'failed', ...details } }
    const status = await liveStatusOf(node, line)
    return { status: 200, json: { paid: false, ...(isKnown ? { status } : {}), preimage: line.preimage, ...details } }
  }

  const handle = async (call: Call): Promise<Reply> => {
    await watch()
    const { method, path, query } = call
    const key = call.headers['x-api-key'] ?? query.get('api-key')
    const isKnown = key === invoiceKey || key === adminKey
    const [, hash] = /^\/api\/v1\/payments\/([0-9a-f]{64})$/.exec(path) ?? []
    // These two ask for no key (views/payment_api.py).
    if (method === 'GET' && hash !== undefined) return onePayment(hash, isKnown)
    if (method === 'GET' && path === '/api/v1/payments/fee-reserve') {
      if (!parseBolt11(query.get('invoice') ?? '')?.amountMsat) return errorOf(400, 'Invoice has no amount.')
      return { status: 200, json: { fee_reserve: settings.reserveFeeMsat } }
    }
    if (!key) return errorOf(401, 'No Api Key provided.')
    if (!isKnown) return errorOf(404, 'Wallet not found.')
    if (method === 'GET' && path === '/api/v1/wallet') {
      const id = key === adminKey ? { id: walletId } : {}
      return { status: 200, json: { name: 'Panda', balance: balanceMsat(), ...id } }
    }
    if (method === 'GET' && path === '/api/v1/payments/paginated') {
      const page = pageOf(lines, query)
      if (query.get('recheck_pending') === 'true') {
        for (const line of page.data) await updatePending(node, line, now())
      }
      return { status: 200, json: page }
    }
    if (method === 'POST' && path === '/api/v1/payments') {
      const asked = body.safeParse(JSON.parse(call.body))
      if (!asked.success) return errorOf(400, asked.error.message)
      if (!asked.data.out) return createInvoice(asked.data)
      if (key !== adminKey) return errorOf(403, 'Invoice (or Admin) key required.')
      return asked.data.bolt11 ? payInvoice(asked.data.bolt11) : errorOf(400, 'Missing BOLT11 invoice')
    }
    return errorOf(404, 'Not Found')
  }

  const local = await startLocalServer({ kindOf, handle })
  // Whoever knows the key listens; another word is another channel, where nothing is said.
  local.server.on('upgrade', (request, socket, head) => {
    if (!request.url?.startsWith('/api/v1/ws/')) return socket.destroy()
    sockets.handleUpgrade(request, socket, head, client => {
      if (request.url !== `/api/v1/ws/${invoiceKey}`) sockets.clients.delete(client)
    })
  })
  const url = `http://127.0.0.1:${local.port}`
  return {
    url,
    local,
    lines,
    settings,
    tell,
    connect: async () => createLnbitsBackend({ url, invoiceKey, adminKey, now }),
    fail: local.fail,
    close: async () => {
      stop.abort()
      await listening
      await local.close()
      sockets.close()
    },
  }
}

/** What a call is for, as the contract names it. */
function kindOf({ method, path, query, body: text }: Call): string {
  if (method === 'POST') return text.includes('"out":true') ? 'pay' : 'create'
  if (/\/[0-9a-f]{64}$/.test(path) || query.has('payment_hash')) return 'lookup'
  return path.endsWith('/paginated') && !query.has('tag') ? 'stream' : path
}

/** exceptions.py: what LNbits answers when it refuses. */
function errorOf(status: number, detail: string, state?: string): Reply {
  return { status, json: { detail, ...(state === undefined ? {} : { status: state }) } }
}
