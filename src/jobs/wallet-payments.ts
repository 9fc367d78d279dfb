import type { z } from 'zod'
import type { PayingWallet, WalletWord } from '../adapters/lightning/nwc/payer.ts'
import { walletAnswered } from '../domain/billing/invoice-pay.ts'
import type { walletOutcome } from '../domain/billing/wallet-payments.ts'
import type { Fact } from '../pipeline/facts.ts'
import { tables } from '../store/tables.ts'
import type { Reader } from '../store/transaction.ts'
import type { Job, JobWorker } from './job.ts'
import type { AskedPayments } from './payments.ts'
import type { SecretsForJobs } from './secrets.ts'
import { unlessAborted } from './unless-aborted.ts'
import { isUnavailable } from './unless-unavailable.ts'

type WalletJob = Job & { type: 'pay-by-wallet' }
type Outcome = z.output<typeof walletOutcome>

/** A customer's wallet that is connected to on the word of a stranger. */
export type StrangersWallet = PayingWallet & {
  /** Whether an address of its relays was refused because it is not public. */
  isPrivate(): boolean
}

/** How our own side sees an invoice: `open` can be paid, `closed` not, and what is `accepted` is about to be settled or not. */
type OwnState = 'open' | 'accepted' | 'settled' | 'closed'

/** A payment may be on its way for so long after its invoice has expired. */
const lateSeconds = 120

/** How invoices stand in the tables. */
export function ownStateOf(reader: Reader): (invoiceId: string) => OwnState {
  return invoiceId => {
    const invoice = reader.get(tables.invoices, [invoiceId])
    if (invoice?.status === 'settled' || invoice?.status === 'accepted') return invoice.status
    const order = invoice === undefined ? undefined : reader.get(tables.orders, [invoice.orderId])
    return invoice?.status === 'open' && order?.status === 'invoiced' ? 'open' : 'closed'
  }
}

type Options = SecretsForJobs & {
  stateOf(invoiceId: string): OwnState
  /** `null`: the secret is no wallet connection. */
  connect(uri: string): StrangersWallet | null
  asked: AskedPayments
  /** Has our own backend asked whether the invoice is paid, and what arrived recorded. */
  lookAt(paymentHash: string): Promise<void>
  /** Log time, Unix seconds. */
  now(): number
  /** For how long a wallet is tried that has not been asked yet. */
  tryForSeconds(): number
  /** Aborts when the service stops. */
  signal: AbortSignal
}

/**
 * Has a customer's own wallet pay an invoice, asking it once: that it was asked is on disk before. What it says is a hint; paid
 * is what our backend has. Whatever stays unknown is looked up there until the invoice is over.
 */
export function payByWalletWorker(options: Options): JobWorker<'pay-by-wallet'> {
  const { stateOf, open, forget, connect, asked, lookAt, now, tryForSeconds } = options
  /** Wallets that were asked in this process, and what they will have said: a try ends before a slow wallet answers. */
  const answers = new Map<string, Promise<WalletWord>>()

  const attempt = async (job: WalletJob, signal: AbortSignal): Promise<Fact | null> => {
    const { invoiceId, paymentHash } = job.payload
    if (stateOf(invoiceId) === 'settled') return end(job, { status: 'paid' })
    const word = await ask(job, signal)
    if (word?.status === 'failed' && stateOf(invoiceId) !== 'accepted') return end(job, word)
    if (word?.status === 'paid') await lookAt(paymentHash)
    const state = stateOf(invoiceId)
    if (state === 'settled') return end(job, { status: 'paid' })
    // Our own side is about to say what becomes of it.
    if (state === 'accepted') return null
    if (!asked.has(job.id)) return isLate(job) ? end(job, { status: 'unreachable' }) : null
    return isOver(job) ? end(job, { status: 'unknown' }) : null
  }

  /** What the wallet says; `null`: it could not be asked. */
  const ask = (job: WalletJob, signal: AbortSignal): Promise<Exclude<Outcome, { status: 'unreachable' }> | null> => {
    const underWay = answers.get(job.id)
    if (underWay !== undefined) return unlessAborted(underWay, signal, unknown)
    return asked.has(job.id) ? askAgain(job, signal) : askFirst(job, signal)
  }

  const askFirst = async (job: WalletJob, signal: AbortSignal) => {
    const { account, handle, invoiceId } = job.payload
    if (stateOf(invoiceId) !== 'open' || isOver(job)) return { status: 'failed' as const, code: 'CANCELLED' }
    const uri = open(account, handle)
    const wallet = uri === null ? null : connect(uri)
    if (wallet === null) return { status: 'failed' as const, code: 'NO_SECRET' }
    try {
      await wallet.connect(signal)
      if (isLate(job) || signal.aborted) throw new DOMException('nobody waits for it any more', 'TimeoutError')
      await asked.add(job.id)
      if (signal.aborted) throw new DOMException('nobody hears of it any more', 'TimeoutError')
    } catch (error) {
      wallet.close()
      if (wallet.isPrivate()) return { status: 'failed' as const, code: 'PRIVATE_ADDRESS' }
      if (isUnavailable(error)) return null
      throw error
    }
    const answer = payOnce(job, wallet)
    answers.set(job.id, answer)
    return unlessAborted(answer, signal, unknown)
  }

  const payOnce = async ({ id, payload }: WalletJob, wallet: StrangersWallet): Promise<WalletWord> => {
    let word: WalletWord = unknown
    try {
      word = await wallet.pay(payload.bolt11, options.signal)
      return word
    } finally {
      wallet.close()
      // What it did not say now can only be looked up.
      if (word.status === 'unknown') answers.delete(id)
    }
  }

  /** It was asked before, by a process that has ended or over a connection that has. */
  const askAgain = async (job: WalletJob, signal: AbortSignal): Promise<WalletWord> => {
    const { account, handle, paymentHash } = job.payload
    const uri = open(account, handle)
    const wallet = uri === null ? null : connect(uri)
    if (wallet === null) return unknown
    try {
      return await wallet.lookUp(paymentHash, signal)
    } finally {
      wallet.close()
    }
  }

  const end = async (job: WalletJob, outcome: Outcome): Promise<Fact> => {
    const { invoiceId, account, handle } = job.payload
    if (job.payload.forget) await forget(account, handle)
    answers.delete(job.id)
    const params = { jobId: job.id, invoiceId, outcome }
    return { method: walletAnswered, params, dedupeKey: `wallet:${job.id}:answered` }
  }

  const isLate = (job: WalletJob) => now() >= job.createdAt + tryForSeconds()
  const isOver = (job: WalletJob) => now() > job.payload.expiresAt + lateSeconds

  return { attempt, giveUp: () => null }
}

const unknown: WalletWord = { status: 'unknown' }
