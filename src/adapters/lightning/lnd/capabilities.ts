import { z } from 'zod'
import type { HttpRequest } from '../http-client.ts'
import { maxDescriptionBytes } from '../invoice-request.ts'
import type { Capabilities } from '../port.ts'
import type { LndConnection } from './connection.ts'
import { base64 } from './messages.ts'
import { troubleOf, unexpected } from './refusals.ts'

const anything = z.looseObject({})

/** A payment to nobody: refused before anything is looked for (lnrpc/routerrpc/router_backend.go), but after the rights. */
const emptyPayment: HttpRequest = { method: 'POST', path: '/v2/router/send', json: {} }
const nobodysInvoice: HttpRequest = {
  method: 'POST',
  path: '/v2/invoices/cancel',
  json: { payment_hash: base64('ff'.repeat(32)) },
}

/**
 * What LND can do with the rights of the macaroon. They are tried, since to ask for them takes a right of its own. Throws
 * `LightningUnavailable`.
 */
export async function findCapabilities(connection: LndConnection, signal: AbortSignal): Promise<Capabilities> {
  const may = async (request: HttpRequest) => {
    for await (const said of connection.stream(anything, request, signal)) {
      if ('answer' in said) return true
      const { refusal } = said
      const trouble = troubleOf(refusal)
      if (trouble !== null && trouble !== 'right') throw unexpected(refusal)
      // An LND that was built without the call does not know its path.
      return trouble === null && refusal.code !== 12 && refusal.message !== 'Not Found'
    }
    return true
  }
  const [pay, hold] = await Promise.all([may(emptyPayment), may(nobodysInvoice)])
  const always = { descriptionHash: true, limitsFees: true, knowsItsPayments: true, resolutionMsat: 1 } as const
  return { hold, pay, ...always, maxDescriptionLength: maxDescriptionBytes }
}
