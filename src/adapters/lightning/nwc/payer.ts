import { LightningUnavailable } from '../port.ts'
import type { Answer, ErrorCode } from './answer.ts'
import { keysOf } from './envelope.ts'
import { createBackoff, defaultPace, type Pace } from './pace.ts'
import type { Budget, Connect } from './relay-connection.ts'
import { openSession } from './session.ts'
import { lookUp } from './transactions.ts'
import { parseNwcUri } from './uri.ts'
import { createWalletInfo } from './wallet-info.ts'

/** What a wallet says became of a payment. It is its owner's word, and no proof. */
export type WalletWord =
  | { readonly status: 'paid' }
  /** It did not happen and will not. `code`: of NIP-47. */
  | { readonly status: 'failed'; readonly code: ErrorCode }
  | { readonly status: 'unknown' }

/** Somebody's wallet, over a connection that may have the right to pay and no other (NIP-47). */
export type PayingWallet = {
  /** Throws `LightningUnavailable` when no relay of the wallet can be had: nothing was asked. */
  connect(signal: AbortSignal): Promise<void>
  /** Asks it to pay, once. Does not throw for what the outside world does. */
  pay(bolt11: string, signal: AbortSignal): Promise<WalletWord>
  /** What became of a payment asked for before; a wallet that does not tell leaves it unknown. */
  lookUp(paymentHash: string, signal: AbortSignal): Promise<WalletWord>
  close(): void
}

/** Errors that say nothing of the payment: Alby Hub says INTERNAL for those that failed, timed out and were made before. */
const unclear: ReadonlySet<ErrorCode> = new Set(['INTERNAL', 'NOT_FOUND', 'OTHER'])
/** A payment and its look-ups take a few messages, each of some thousand characters. */
const strangersBudget: Budget = { bytes: 256 * 1_024, messages: 200 }
const unknown: WalletWord = { status: 'unknown' }

/** Opens a wallet to pay with; connects when it is told to. `null`: the URI is none. Its text is in no error. */
export function openPayingWallet(options: {
  readonly uri: string
  /** Unix seconds. */
  readonly now: () => number
  /** Opens websockets, and refuses addresses that a stranger may not have us connect to. */
  readonly connect: Connect
  /** What a relay may send; a payment takes a few messages. */
  readonly budget?: Budget
  readonly pace?: Partial<Pace>
}): PayingWallet | null {
  const { uri, now, connect, budget = strangersBudget } = options
  const read = parseNwcUri(uri)
  if (read === null) return null
  const pace = { ...defaultPace, ...options.pace }
  const relays = read.relays.map(url => ({ url, backoff: createBackoff(pace) }))
  const wallet = { keys: keysOf(read), relays, info: createWalletInfo(), pace, connect, budget, now }
  const session = openSession(wallet, false)

  const find = async (paymentHash: string, signal: AbortSignal): Promise<'paid' | 'failed' | 'unknown'> => {
    const row = await lookUp((method, params) => session.request(method, params, signal), paymentHash)
    // What comes in has the same hash where the wallet is the payee's too.
    if (row === null || row.type === 'incoming') return 'unknown'
    if (row.state === 'failed') return 'failed'
    return row.state === 'settled' ? 'paid' : 'unknown'
  }
  const wordOf = (answer: Answer): WalletWord => {
    if (answer.ok) return { status: 'paid' }
    return unclear.has(answer.code) ? unknown : { status: 'failed', code: answer.code }
  }
  const unlessAway = async (word: () => Promise<WalletWord>): Promise<WalletWord> => {
    try {
      return await word()
    } catch (error) {
      if (error instanceof LightningUnavailable) return unknown
      throw error
    }
  }

  return {
    connect: session.connect,
    pay: (bolt11, signal) =>
      unlessAway(async () => wordOf(await session.request('pay_invoice', { invoice: bolt11 }, signal))),
    lookUp: (paymentHash, signal) =>
      unlessAway(async () => {
        const status = await find(paymentHash, signal)
        return status === 'failed' ? { status, code: 'PAYMENT_FAILED' } : { status }
      }),
    close: session.close,
  }
}
