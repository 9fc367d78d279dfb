import { parseBolt11 } from '../../../bolt11.ts'
import { isHash, maxDescriptionBytes } from '../invoice-request.ts'
import { CannotHold, type Capabilities, type LightningBackend, LightningUnavailable } from '../port.ts'
import { createTurns } from '../turns.ts'
import { createLnbitsApi } from './api.ts'
import { streamIncoming } from './incoming.ts'
import { checkRequest, createInvoice, lookUpInvoice, resolutionMsat } from './invoices.ts'
import { lookUpPayment, pay } from './payments.ts'
import { openWakeUp } from './wake-up.ts'

type Options = {
  /** Where LNbits is, with the path below which it is served, if any. */
  url: string
  /** Of the wallet that is paid: reads, and makes invoices. */
  invoiceKey: string
  /** Of the same wallet; without it the backend does not pay. */
  adminKey?: string
  /** Unix seconds. */
  now: () => number
  /** How long without news until the history is read all the same. */
  pollMs?: number
}

/**
 * A wallet of an LNbits server (1.0 or newer). It does not hold payments: LNbits has calls for that where its funding
 * source is LND, but no call tells that a payment waits (wallets/lndrest.py, `get_invoice_status`: pending until it is
 * settled), and its hold invoices get no expiry of ours (services/payments.py, `create_invoice`).
 */
export function createLnbitsBackend({ url, invoiceKey, adminKey, now, pollMs = 30_000 }: Options): LightningBackend {
  const api = createLnbitsApi({ url, invoiceKey, adminKey })
  const turns = createTurns()
  const closing = new AbortController()
  /** Lasts until the call is given up or the backend is closed. */
  const open = (signal: AbortSignal): AbortSignal => {
    if (closing.signal.aborted) throw new LightningUnavailable('the LNbits backend is closed')
    return AbortSignal.any([signal, closing.signal])
  }

  return {
    name: 'lnbits',
    capabilities: async signal => {
      const until = open(signal)
      // Without an admin key there is nothing to ask, but who asks wants to know whether the backend is there.
      const { isAdmin } = await api.wallet(until, adminKey === undefined ? undefined : 'admin')
      return { ...canDo, pay: adminKey !== undefined && isAdmin }
    },
    createInvoice: async (request, signal) => {
      checkRequest(request)
      const until = open(signal)
      return turns.take(`invoice ${request.idempotencyKey}`, until, () => createInvoice(api, request, until))
    },
    lookUpInvoice: async (paymentHash, signal) => lookUpInvoice(api, paymentHash, { now, signal: open(signal) }),
    settleHold: async () => cannotHold(),
    cancelHold: async () => cannotHold(),
    incoming: async function* (cursor, signal) {
      const source = { api, openWakeUp: (until: AbortSignal) => openWakeUp(url, invoiceKey, until), now, pollMs }
      yield* streamIncoming(source, cursor, open(signal))
      open(signal)
    },
    pay: async (request, signal) => {
      if (adminKey === undefined) throw new Error('this LNbits wallet cannot pay: it was given no admin key')
      const key = parseBolt11(request.bolt11)?.paymentHash ?? request.bolt11
      try {
        const until = open(signal)
        return await turns.take(`payment ${key}`, until, () => pay(api, request, until))
      } catch (error) {
        if (error instanceof LightningUnavailable) return { status: 'unknown' }
        throw error
      }
    },
    lookUpPayment: async ({ paymentHash }, signal) =>
      isHash(paymentHash) ? lookUpPayment(api, paymentHash, open(signal)) : null,
    balanceMsat: async signal => (await api.wallet(open(signal))).balanceMsat,
    check: async signal => void (await api.wallet(open(signal))),
    close: async () => closing.abort(),
  }
}

const canDo: Omit<Capabilities, 'pay'> = {
  hold: false,
  descriptionHash: true,
  limitsFees: true,
  knowsItsPayments: true,
  resolutionMsat,
  maxDescriptionLength: maxDescriptionBytes,
}

function cannotHold(): never {
  throw new CannotHold('LNbits')
}
