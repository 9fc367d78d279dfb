import { z } from 'zod'
import { maxBolt11Characters, parseBolt11 } from '../../bolt11.ts'
import { timeLimit } from '../time-limit.ts'
import { Refusal } from './failures.ts'
import { fetchJson, type Guard, noAnswer } from './fetch-json.ts'

/** What is asked of a Lightning address. Amounts are millisatoshi. */
export type AddressRequest = {
  /** `alice@example.com`, in lower case (LUD-16). */
  readonly lightningAddress: string
  readonly amountMsat: number
  /** For the payee to read, if the payee takes comments (LUD-12). */
  readonly comment: string | null
  /** Of the network, as its invoices begin after `ln`. */
  readonly currency: string
}

/** What came of asking: `refused` is final, with a short text for people. */
export type AddressAnswer =
  | { readonly status: 'invoice'; readonly bolt11: string }
  | { readonly status: 'refused'; readonly reason: string }

/**
 * Asks the Lightning address of a stranger for an invoice of exactly the amount. Throws `AddressUnavailable`; asking again
 * gives another invoice.
 */
export type AskAddress = (request: AddressRequest, signal: AbortSignal) => Promise<AddressAnswer>

type Options = Guard & {
  /** Unix seconds. */
  now(): number
  /** How long an address may take for everything, in milliseconds. */
  timeoutMs?: number
}

const maxReasonCharacters = 120

/** LUD-06, step 3. What is in `metadata` is for those who show it to people. */
const payRequest = z.object({
  tag: z.literal('payRequest'),
  callback: z.string(),
  minSendable: z.number().min(1),
  maxSendable: z.number(),
  metadata: z.string(),
  commentAllowed: z.number().min(0).nullish(),
})
const invoiceAnswer = z.object({ pr: z.string().min(1).max(maxBolt11Characters) })
const errorAnswer = z.object({ status: z.literal('ERROR'), reason: z.string().catch('') })

/**
 * Asks Lightning addresses for invoices over https (LUD-16, LUD-06). Servers and whatever URLs they name are strangers': hosts
 * are looked up by the guard, and sizes, redirects and time are bounded.
 *
 * That the invoice commits to the metadata is not required: LUD-06 has dropped it (lnurl/luds#234), since who can change the
 * invoice can change the metadata too, and many servers cannot write such invoices or write another hash. TLS says whose
 * answer it is.
 */
export function createLnurlPay(options: Options): AskAddress {
  const { now, timeoutMs = 8_000, port = 443 } = options

  const ask = async (request: AddressRequest, signal: AbortSignal): Promise<string> => {
    const { lightningAddress, amountMsat, comment } = request
    const [name = '', domain = ''] = lightningAddress.split('@')
    const url = `https://${domain}:${port}/.well-known/lnurlp/${encodeURIComponent(name)}`
    if (!URL.canParse(url)) throw new Refusal('this is no Lightning address')
    const terms = read(payRequest, await fetchJson(options, new URL(url), signal))
    checkTerms(terms, request)
    const callback = callbackUrl(terms.callback, {
      amount: String(amountMsat),
      ...(comment === null ? {} : { comment }),
    })
    const { pr } = read(invoiceAnswer, await fetchJson(options, callback, signal))
    checkInvoice(pr, request, now())
    return pr
  }

  return async (request, signal) => {
    const timeout = timeLimit(timeoutMs)
    try {
      return { status: 'invoice', bolt11: await ask(request, AbortSignal.any([signal, timeout])) }
    } catch (error) {
      if (error instanceof Refusal) return { status: 'refused', reason: error.message }
      // To ask again who is slow would keep others waiting: that is for whoever wants the invoice to decide.
      if (timeout.aborted && !signal.aborted) return { status: 'refused', reason: noAnswer }
      throw error
    }
  }
}

/** An answer in its documented shape. Throws `Refusal` for any other, with the server's own words if it gives some. */
function read<Schema extends z.ZodType>(schema: Schema, answer: unknown): z.output<Schema> {
  const error = errorAnswer.safeParse(answer)
  if (error.success) throw new Refusal(`its server refuses: ${shown(error.data.reason)}`)
  const parsed = schema.safeParse(answer)
  if (!parsed.success) throw new Refusal('its server does not answer as LUD-06 says')
  return parsed.data
}

/** A stranger's words, for people: short and on one line. */
function shown(text: string): string {
  const line = text.replace(/[\p{C}\p{Z}]+/gu, ' ').trim()
  if (line === '') return 'it does not say why'
  return line.length > maxReasonCharacters ? `${[...line].slice(0, maxReasonCharacters).join('')}…` : line
}

function checkTerms(
  { minSendable, maxSendable, commentAllowed }: z.output<typeof payRequest>,
  { amountMsat, comment }: AddressRequest,
): void {
  if (amountMsat < minSendable) throw new Refusal(`it takes no less than ${minSendable} msat`)
  if (amountMsat > maxSendable) throw new Refusal(`it takes no more than ${maxSendable} msat`)
  const most = commentAllowed ?? 0
  if (comment === null || [...comment].length <= most) return
  throw new Refusal(most === 0 ? 'it takes no comment' : `it takes a comment of at most ${most} characters`)
}

/** `<callback><?|&>amount=…` (LUD-06, step 4): what stands in the query already stays as it is. */
function callbackUrl(callback: string, fields: Readonly<Record<string, string>>): URL {
  if (!URL.canParse(callback)) throw new Refusal('its server names a callback that is no URL')
  const url = new URL(callback)
  url.hash = ''
  const added = Object.entries(fields).map(([name, value]) => `${name}=${encodeURIComponent(value)}`)
  url.search = [...(url.search === '' ? [] : [url.search]), ...added].join('&')
  return url
}

/** Throws `Refusal` unless it is the invoice that was asked for. */
function checkInvoice(pr: string, wanted: AddressRequest, now: number): void {
  const invoice = parseBolt11(pr)
  if (invoice === null) throw new Refusal('its server gives no Lightning invoice')
  if (invoice.currency !== wanted.currency) throw new Refusal('its invoice is for another network')
  if (invoice.amountMsat !== wanted.amountMsat) throw new Refusal('its invoice is for another amount')
  if (invoice.expiresAt <= now) throw new Refusal('its invoice has expired')
}
