import { z } from 'zod'
import { CannotHold, type LightningBackend, LightningUnavailable } from '../port.ts'
import { createTurns } from '../turns.ts'
import { type Api, amount, createApi, refused } from './api.ts'
import { createInvoice, lookUpInvoice, maxDescriptionLength } from './invoices.ts'
import { lookUpPayment, pay, type Unanswered } from './payments.ts'
import { streamSettlements } from './settlements.ts'

type Options = {
  /** Where phoenixd listens, such as `http://127.0.0.1:9740`. */
  url: string
  /** `http-password` of phoenix.conf, or `http-password-limited-access`, which cannot pay. */
  password: string
  /** Unix seconds. */
  now: () => number
  /** How often the connection on which phoenixd tells of payments is tried. */
  pingSeconds?: number
}

const balance = z.object({ balanceSat: amount })

/** phoenixd 0.7 or later, over its HTTP API. Invoices and balances are whole satoshis. */
export function createPhoenixdBackend({ now, pingSeconds = 15, ...node }: Options): LightningBackend {
  const api = createApi(node)
  const turns = createTurns()
  const unanswered: Unanswered = new Map()
  const context = { api, unanswered, now }
  const check = async (signal: AbortSignal) => {
    await api.read({ method: 'GET', path: '/getinfo' }, z.object({ nodeId: z.string() }), signal)
  }
  return {
    name: 'phoenixd',
    capabilities: async signal => {
      await check(signal)
      return {
        hold: false,
        descriptionHash: true,
        pay: await mayPay(api, signal),
        limitsFees: true,
        knowsItsPayments: true,
        resolutionMsat: 1_000,
        maxDescriptionLength,
      }
    },
    createInvoice: (request, signal) => createInvoice(api, turns, request, signal),
    lookUpInvoice: (paymentHash, signal) => lookUpInvoice(api, paymentHash, signal),
    settleHold: async () => cannotHold(),
    cancelHold: async () => cannotHold(),
    incoming: (cursor, signal) => streamSettlements(api, pingSeconds, cursor, signal),
    pay: (request, signal) => pay(context, request, signal),
    lookUpPayment: ({ paymentHash }, signal) => lookUpPayment(context, paymentHash, signal),
    balanceMsat: async signal => {
      const { balanceSat } = await api.read({ method: 'GET', path: '/getbalance' }, balance, signal)
      const balanceMsat = balanceSat * 1_000
      if (!Number.isSafeInteger(balanceMsat)) throw new LightningUnavailable('phoenixd has more than there is')
      return balanceMsat
    },
    check,
    close: async () => api.close(),
  }
}

/** Asks to pay nothing: phoenixd looks at the password before it misses the invoice (Api.kt, full-access). */
async function mayPay(api: Api, signal: AbortSignal): Promise<boolean> {
  const { status } = await api.send({ method: 'POST', path: '/payinvoice', form: {} }, signal)
  if (status === 400) return true
  if (status === 401) return false
  throw refused(status)
}

function cannotHold(): never {
  throw new CannotHold('phoenixd')
}
