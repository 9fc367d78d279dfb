import { parseBolt11 } from '../../../bolt11.ts'
import { isHash } from '../invoice-request.ts'
import { createNews } from '../news.ts'
import { CannotHold, type LightningBackend, LightningUnavailable } from '../port.ts'
import { createTurns } from '../turns.ts'
import { createStrikeApi } from './api.ts'
import { streamIncoming } from './incoming.ts'
import { checkRequest, createInvoice, lookUpInvoice, maxDescriptionLength, resolutionMsat } from './invoices.ts'
import { lookUpPayment, pay } from './payments.ts'
import { createRegister } from './register.ts'
import { readWebhook, type WebhookHint } from './webhook.ts'

export type StrikeBackend = LightningBackend & {
  /**
   * Takes a webhook as it came, with its header `X-Webhook-Signature`: whoever listens looks at once. `null` when it is
   * forged or not as documented, or when there is no secret to tell by.
   */
  takeWebhook(rawBody: Uint8Array, signature: string | undefined): WebhookHint | null
}

type Options = {
  /** `https://api.strike.me`, or the sandbox's. */
  url: string
  apiKey: string
  /** What the webhook subscription was made with. */
  webhookSecret?: string
  /** Unix seconds. */
  now: () => number
  /** How long without a webhook until the account is looked at all the same: Strike allows 1,000 calls in 10 minutes. */
  pollMs?: number
}

/** A Strike account, with its balance in bitcoin. It does not hold payments: Strike's API has nothing for that. */
export function createStrikeBackend({ url, apiKey, webhookSecret, now, pollMs = 15_000 }: Options): StrikeBackend {
  const api = createStrikeApi({ url, apiKey })
  const register = createRegister(api)
  const place = { api, register, unregistered: new Map<string, string>() }
  const turns = createTurns()
  const hints = createNews()
  const closing = new AbortController()
  /** Lasts until the call is given up or the backend is closed. */
  const open = (signal: AbortSignal): AbortSignal => {
    if (closing.signal.aborted) throw new LightningUnavailable('the Strike backend is closed')
    return AbortSignal.any([signal, closing.signal])
  }

  return {
    name: 'strike',
    capabilities: async signal => {
      await api.balanceMsat(open(signal))
      // Strike does not tell which scopes a key has: paying shows.
      const known = { descriptionHash: true, limitsFees: true, knowsItsPayments: true, resolutionMsat } as const
      return { hold: false, pay: true, ...known, maxDescriptionLength }
    },
    createInvoice: async (request, signal) => {
      checkRequest(request)
      const until = open(signal)
      return turns.take(`invoice ${request.idempotencyKey}`, until, () => createInvoice(place, request, until))
    },
    lookUpInvoice: async (paymentHash, signal) => lookUpInvoice(api, paymentHash, { now, signal: open(signal) }),
    settleHold: async () => cannotHold(),
    cancelHold: async () => cannotHold(),
    incoming: async function* (cursor, signal) {
      yield* streamIncoming({ api, nextHint: hints.next, pollMs }, cursor, open(signal))
      open(signal)
    },
    pay: async (request, signal) => {
      const key = parseBolt11(request.bolt11)?.paymentHash ?? request.bolt11
      try {
        const until = open(signal)
        return await turns.take(`payment ${key}`, until, () => pay(place, request, until))
      } catch (error) {
        if (error instanceof LightningUnavailable) return { status: 'unknown' }
        throw error
      }
    },
    lookUpPayment: async ({ paymentHash }, signal) =>
      isHash(paymentHash) ? lookUpPayment(place, paymentHash, open(signal)) : null,
    balanceMsat: async signal => api.balanceMsat(open(signal)),
    check: async signal => void (await api.balanceMsat(open(signal))),
    takeWebhook: (rawBody, signature) => {
      const hint = webhookSecret === undefined ? null : readWebhook(rawBody, signature, webhookSecret)
      if (hint !== null) hints.announce()
      return hint
    },
    close: async () => closing.abort(),
  }
}

function cannotHold(): never {
  throw new CannotHold('Strike')
}
