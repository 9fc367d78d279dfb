import { z } from 'zod'
import { maxDescriptionBytes } from '../invoice-request.ts'
import { CannotHold, type LightningBackend, LightningUnavailable } from '../port.ts'
import { createInvoice, lookUpInvoice } from './invoices.ts'
import { lookUpPayment, pay, retrySeconds } from './payments.ts'
import { createRpc, msat, type Rpc, refusals, refused } from './rpc.ts'
import { createRuns } from './runs.ts'
import { streamSettlements } from './settlements.ts'

type Options = {
  /** Where CLNRest listens, such as `https://127.0.0.1:3010`. */
  url: string
  rune: string
  /** PEM of the server's own certificate (`server.pem`); without it those of the system's authorities are trusted. */
  certificate?: string
  /** Unix seconds. */
  now: () => number
  /** How long the node waits for a settlement before it says that there was none. */
  waitSeconds?: number
}

/** Channels whose funds can be sent (lightning-listfunds, state). */
const usable = new Set(['CHANNELD_NORMAL', 'CHANNELD_AWAITING_SPLICE'])
const funds = z.object({ channels: z.array(z.object({ state: z.string(), our_amount_msat: msat })) })

/**
 * Core Lightning v24.11 or later over CLNRest. The rune must allow `getinfo`, `invoice`, `listinvoices` and
 * `waitanyinvoice`; `listfunds` for the balance; `xpay` and `listpays` to pay.
 */
export function createClnBackend({ now, waitSeconds = 30, ...node }: Options): LightningBackend {
  const rpc = createRpc(node)
  const runs = createRuns(retrySeconds, now)
  const check = async (signal: AbortSignal) => {
    await rpc.read('getinfo', {}, z.object({ id: z.string() }), signal)
  }
  return {
    name: 'cln',
    capabilities: async signal => {
      await check(signal)
      return {
        hold: false,
        descriptionHash: false,
        pay: await mayPay(rpc, signal),
        limitsFees: true,
        knowsItsPayments: true,
        resolutionMsat: 1,
        maxDescriptionLength: maxDescriptionBytes,
      }
    },
    createInvoice: (request, signal) => createInvoice(rpc, request, signal),
    lookUpInvoice: (paymentHash, signal) => lookUpInvoice(rpc, paymentHash, signal),
    settleHold: async () => cannotHold(),
    cancelHold: async () => cannotHold(),
    incoming: (cursor, signal) => streamSettlements(rpc, waitSeconds, cursor, signal),
    pay: (request, signal) => pay(rpc, runs, request, signal),
    lookUpPayment: ({ paymentHash }, signal) => lookUpPayment(rpc, runs, paymentHash, signal),
    balanceMsat: async signal => {
      const { channels } = await rpc.read('listfunds', {}, funds, signal)
      const total = channels.filter(one => usable.has(one.state)).reduce((sum, one) => sum + one.our_amount_msat, 0)
      if (!Number.isSafeInteger(total)) throw new LightningUnavailable('the node has more than there is')
      return total
    },
    check,
    close: async () => rpc.close(),
  }
}

/**
 * Asks the node to pay nothing: it looks at the rune before it misses the invoice (lightning-xpay, invstring is required),
 * and `checkrune` would need a right of its own.
 */
async function mayPay(rpc: Rpc, signal: AbortSignal): Promise<boolean> {
  const answer = await rpc.call('xpay', {}, z.unknown(), signal)
  if (answer.status === 'refused') {
    if (answer.code === refusals.invalidParameters) return true
    if (answer.code === refusals.runeForbids || answer.code === refusals.unknownMethod) return false
    throw refused('xpay', answer.code)
  }
  throw new LightningUnavailable('the node says that it has paid nothing')
}

function cannotHold(): never {
  throw new CannotHold('Core Lightning')
}
