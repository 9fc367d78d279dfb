import { z } from 'zod'
import { checkInvoiceRequest, isHash, maxDescriptionBytes } from '../invoice-request.ts'
import { type Capabilities, type LightningBackend, LightningUnavailable } from '../port.ts'
import { resultOf } from './answer.ts'
import { keysOf } from './envelope.ts'
import { streamIncoming } from './incoming.ts'
import { cannotHold, createInvoices, hashOf } from './invoices.ts'
import { createBackoff, defaultPace, type Pace } from './pace.ts'
import { createPayments } from './payments.ts'
import { type Connect, openWebSocket } from './relay-connection.ts'
import { openSession, type Session, type Wallet } from './session.ts'
import { type Ask, lookUp, stateOf } from './transactions.ts'
import { parseNwcUri } from './uri.ts'
import { createWalletInfo } from './wallet-info.ts'

type Options = {
  /** `nostr+walletconnect://…`, with its secret. */
  readonly uri: string
  /** Unix seconds. */
  readonly now: () => number
  /** Opens websockets; whoever connects to wallets of strangers refuses private addresses here. */
  readonly connect?: Connect
  /** 1,000 for a wallet that makes invoices of whole satoshis only: NIP-47 cannot tell. */
  readonly resolutionMsat?: Capabilities['resolutionMsat']
  /** How far back an invoice of the same key is looked for after a restart; 0 where keys never outlive the process. */
  readonly historySeconds?: number
  readonly pace?: Partial<Pace>
}

const infoSchema = z.object({ methods: z.array(z.string()).nullish() })
const balanceSchema = z.object({ balance: z.int().nonnegative() })

const neededMethods = ['make_invoice', 'lookup_invoice', 'list_transactions']
const holdMethods = ['make_hold_invoice', 'settle_hold_invoice', 'cancel_hold_invoice']

/**
 * Somebody's wallet through Nostr Wallet Connect (NIP-47), with NIP-44 alone. Connects when it is first asked. Throws when
 * the URI is none; its text is in no error.
 */
export function createNwcBackend(options: Options): LightningBackend {
  const { uri, now, connect = openWebSocket, resolutionMsat = 1, historySeconds = 86_400 } = options
  const read = parseNwcUri(uri)
  if (read === null) throw new Error('this is no Nostr Wallet Connect URI')
  const pace = { ...defaultPace, ...options.pace }
  const wallet: Wallet = {
    keys: keysOf(read),
    relays: read.relays.map(url => ({ url, backoff: createBackoff(pace) })),
    info: createWalletInfo(),
    pace,
    connect,
    now,
  }
  const closing = new AbortController()
  const streams = new Set<Session>()
  const calls = openSession(wallet, false)
  const askOf =
    (session: Session, signal: AbortSignal): Ask =>
    (method, params) =>
      session.request(method, params, signal)
  const invoices = createInvoices({ askInBackground: askOf(calls, closing.signal), now, historySeconds })
  const payments = createPayments(now)

  const checkOpen = () => {
    if (closing.signal.aborted) throw new LightningUnavailable('the connection to the wallet is closed')
  }

  const capabilities = async (signal: AbortSignal): Promise<Capabilities> => {
    const answer = await askOf(calls, signal)('get_info', {})
    // Connections need not have the right to ask; then the wallet's info event says what it can.
    const isDenied = !answer.ok && ['NOT_IMPLEMENTED', 'RESTRICTED'].includes(answer.code)
    const methods = (isDenied ? null : resultOf(infoSchema, answer).methods) ?? wallet.info.methods()
    if (methods === null) throw new LightningUnavailable('the wallet does not say what it can do')
    const missing = neededMethods.filter(method => !methods.includes(method))
    if (missing.length > 0) throw new LightningUnavailable(`this wallet connection lacks ${missing.join(', ')}`)
    return {
      hold: holdMethods.every(method => methods.includes(method)),
      descriptionHash: true,
      pay: methods.includes('pay_invoice'),
      // A limit is only proposed for NIP-47, and no wallet says whether it heeds one.
      limitsFees: false,
      // Wallets say NOT_FOUND of payments under way, too.
      knowsItsPayments: false,
      resolutionMsat,
      maxDescriptionLength: maxDescriptionBytes,
    }
  }

  const stateNow = async (paymentHash: string, ask: Ask) => {
    const row = isHash(paymentHash) ? await lookUp(ask, paymentHash) : null
    return row === null || row.type === 'outgoing' ? ({ status: 'unknown' } as const) : stateOf(row, now())
  }

  return {
    name: 'nwc',
    capabilities,
    createInvoice: async (request, signal) => {
      checkInvoiceRequest(request)
      checkOpen()
      if (request.amountMsat % resolutionMsat !== 0)
        throw new RangeError('this wallet makes invoices of whole satoshis')
      return invoices.create(request, askOf(calls, signal), signal)
    },
    lookUpInvoice: (paymentHash, signal) => stateNow(paymentHash, askOf(calls, signal)),
    settleHold: async (preimage, signal) => {
      const ask = askOf(calls, signal)
      const answer = await ask('settle_hold_invoice', { preimage })
      if (answer.ok) return 'settled'
      if (answer.code === 'NOT_IMPLEMENTED') throw cannotHold()
      // An error does not say why; the invoice does.
      const { status } = await stateNow(hashOf(preimage), ask)
      if (status === 'settled') return 'settled'
      if (status === 'accepted') throw new LightningUnavailable(`the wallet does not settle (${answer.code})`)
      return 'lost'
    },
    cancelHold: async (paymentHash, signal) => {
      const ask = askOf(calls, signal)
      const answer = await ask('cancel_hold_invoice', { payment_hash: paymentHash })
      if (answer.ok) return 'cancelled'
      if (answer.code === 'NOT_IMPLEMENTED') throw cannotHold()
      const { status } = await stateNow(paymentHash, ask)
      if (status === 'settled') return 'settled'
      // Alby Hub cancels only what was paid; an open invoice ends when it expires.
      if (status === 'accepted' || status === 'open') {
        throw new LightningUnavailable(`the wallet does not cancel (${answer.code})`)
      }
      return 'cancelled'
    },
    incoming: async function* (cursor, signal) {
      if (signal.aborted) return
      checkOpen()
      const session = openSession(wallet, true)
      streams.add(session)
      try {
        const ask = askOf(session, signal)
        const source = { session, ask, walletPubkey: read.walletPubkey, now, sweepMs: pace.sweepMs }
        yield* streamIncoming(source, cursor, signal)
      } catch (error) {
        if (!signal.aborted) throw error
      } finally {
        streams.delete(session)
        session.close()
      }
    },
    pay: (request, signal) => payments.pay(request, askOf(calls, signal), signal),
    lookUpPayment: (payment, signal) => payments.lookUp(payment, askOf(calls, signal)),
    balanceMsat: async signal => resultOf(balanceSchema, await askOf(calls, signal)('get_balance', {})).balance,
    check: async signal => void (await capabilities(signal)),
    close: async () => {
      closing.abort()
      for (const session of [calls, ...streams]) session.close()
    },
  }
}
