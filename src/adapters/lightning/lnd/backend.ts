import type { HttpTarget } from '../http-client.ts'
import { checkInvoiceRequest } from '../invoice-request.ts'
import { nodeTarget } from '../node-target.ts'
import type { LightningBackend } from '../port.ts'
import { findCapabilities } from './capabilities.ts'
import { connectToLnd } from './connection.ts'
import { checkLnd } from './following.ts'
import { createHoldNews } from './held-payments.ts'
import { streamIncoming } from './incoming.ts'
import { cancelHold, createInvoice, hashOf, lookUpInvoice, settleHold } from './invoices.ts'
import { channelBalanceSchema } from './messages.ts'
import { createLndPayments } from './payments.ts'

export type LndOptions = {
  /** Where LND's REST interface answers (`restlisten`), for example `https://node.example:8080`. */
  readonly url: string
  /** Hex. Rights: `invoices:read invoices:write`; `offchain:read` for the balance, and `offchain:write` with it to pay. */
  readonly macaroon: string
  /** LND's own `tls.cert`, PEM, which alone is trusted then; without it what the system trusts. */
  readonly certificate?: string
  /** Unix seconds. */
  now(): number
  /** Whether invoices name ways through private channels: needed by a node that has no others. */
  readonly privateRouteHints?: boolean
  /** How long a stream may be silent before it is opened anew. */
  readonly quietMs?: number
  /** How long a call may take whose answer does not go on. */
  readonly answerMs?: number
}

/**
 * LND over its REST interface (version 0.15 or later). Invoices are made of our own preimages, so that one whose answer was
 * lost is found again. Throws when the URL, macaroon or certificate cannot be one.
 */
export function createLndBackend(options: LndOptions): LightningBackend {
  const { now, privateRouteHints = false, quietMs = 60_000, answerMs = 60_000 } = options
  const connection = connectToLnd(readTarget(options), answerMs)
  const payments = createLndPayments(connection)
  const holdNews = createHoldNews()
  return {
    name: 'lnd',
    capabilities: signal => findCapabilities(connection, signal),
    createInvoice: async (request, signal) => {
      checkInvoiceRequest(request)
      try {
        return await createInvoice(connection, request, { privateRouteHints, signal })
      } finally {
        // Also when there was no answer: LND may have made it.
        if (request.hold) holdNews.announce(hashOf(request.preimage))
      }
    },
    lookUpInvoice: (paymentHash, signal) => lookUpInvoice({ connection, now }, paymentHash, signal),
    settleHold: (preimage, signal) => settleHold(connection, preimage, signal),
    cancelHold: (paymentHash, signal) => cancelHold(connection, paymentHash, signal),
    incoming: (cursor, signal) => streamIncoming({ connection, quietMs, holdNews }, cursor, signal),
    pay: payments.pay,
    lookUpPayment: ({ paymentHash }, signal) => payments.lookUp(paymentHash, signal),
    balanceMsat: async signal => {
      const request = { method: 'GET', path: '/v1/balance/channels' } as const
      return (await connection.demand(channelBalanceSchema, request, signal)).local_balance.msat
    },
    check: signal => checkLnd(connection, signal),
    close: async () => connection.close(),
  }
}

function readTarget({ url, macaroon, certificate }: LndOptions): HttpTarget {
  if (!/^([0-9a-f]{2})+$/i.test(macaroon)) throw new Error('the macaroon of lnd is not hex')
  const pinned = certificate === undefined ? {} : { certificate }
  return nodeTarget('lnd', { url, ...pinned }, { 'grpc-metadata-macaroon': macaroon })
}
