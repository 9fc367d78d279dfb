import { z } from 'zod'
import { time } from '../protocol/fields.ts'
import { splitIdentifier } from '../protocol/names.ts'
import { tables } from '../store/tables.ts'
import type { Transactor } from '../store/transaction.ts'
import { expireInvoice } from './billing/invoices.ts'
import { giveUpReplacement } from './billing/order-invoice.ts'
import { expireOrder } from './billing/order-outcomes.ts'
import { outcomeUnknown, paymentUnavailable } from './billing/unavailable.ts'
import { type Context, ok } from './context.ts'
import { beginGrace, releaseName, remindOfExpiry } from './identifiers/lifecycle.ts'
import { defineCommand } from './method.ts'
import { resolvePending } from './pending.ts'
import { tryRenewal } from './renewals/renew.ts'
import type { DueKind } from './schedule.ts'

/** How many due things one fact handles at most, so that no transaction grows with the backlog. */
export const maxDuePerFact = 100

const postponedBySeconds = 86_400

/**
 * Time has come to matter: handles what is due up to now, oldest first, a bounded number at a time. With `postpone` it
 * puts off one thing by a day instead, since what cannot be handled would keep all that is due after it waiting.
 */
export const clockAdvance = defineCommand({
  name: 'clock.advance',
  type: 'fact',
  caller: 'service',
  privacy: 'public',
  summary: 'Something was due.',
  params: z.strictObject({
    to: time,
    limit: z.int().min(1).max(maxDuePerFact).default(maxDuePerFact),
    postpone: z.strictObject({ at: time, kind: z.string().max(64), id: z.string().max(512) }).optional(),
  }),
  result: z.object({ handled: z.int() }),
  handle: ({ to, limit, postpone }, tx, context) => {
    if (postpone !== undefined) {
      postponeDue(tx, context, postpone)
      return ok({ handled: 0 })
    }
    const due = tx.range(tables.due, [], { limit, upTo: [Math.min(to, context.time)] })
    for (const { key } of due) {
      tx.delete(tables.due, key)
      handleDue(tx, context, key[1] as DueKind, key[2])
    }
    return ok({ handled: due.length })
  },
})

/** Puts off by a day what is due and cannot be handled. What is not due any more stays undone. */
function postponeDue(
  tx: Transactor,
  context: Context,
  { at, kind, id }: { at: number; kind: string; id: string },
): void {
  if (!tx.has(tables.due, [at, kind, id])) return
  tx.delete(tables.due, [at, kind, id])
  tx.put(tables.due, [context.time + postponedBySeconds, kind, id], {})
}

function handleDue(tx: Transactor, context: Context, kind: DueKind, id: string): void {
  switch (kind) {
    case 'command-deadline': {
      const orderId = tx.get(tables.pendingCommands, [id])?.orderId ?? null
      if (orderId !== null) expireOrder(tx, context, orderId)
      // Without an order it waits for a look-up, and what was paid is not known.
      resolvePending(tx, context, id, orderId === null ? outcomeUnknown() : paymentUnavailable())
      break
    }
    case 'invoice-deadline': {
      const orderId = tx.get(tables.invoices, [id])?.orderId
      const order = orderId === undefined ? undefined : tx.get(tables.orders, [orderId])
      if (orderId !== undefined && order?.invoiceId === id) {
        giveUpReplacement(tx, context, orderId, order, paymentUnavailable())
      }
      break
    }
    case 'order-expiry':
      expireOrderAndInvoice(tx, context, id)
      break
    case 'lapsed-hold-end': {
      const { name, domain } = splitIdentifier(id)
      const lapsed = tx.get(tables.lapsedHolds, [domain, name])
      if (lapsed !== undefined && lapsed.until <= context.time) tx.delete(tables.lapsedHolds, [domain, name])
      break
    }
    case 'identifier-notice':
      remindOfExpiry(tx, context, splitIdentifier(id))
      break
    case 'identifier-expiry':
      beginGrace(tx, context, splitIdentifier(id))
      break
    case 'identifier-release':
      releaseName(tx, context, splitIdentifier(id))
      break
    case 'renewal-try':
      tryRenewal(tx, context, splitIdentifier(id))
      break
    default: {
      const unknown: never = kind
      throw new Error(`nothing is due as ${String(unknown)}`)
    }
  }
}

/**
 * The invoice is withdrawn when its order ends or is paid otherwise, which may have been before; until now it counted as open.
 * A payment that waits is dealt with by its own jobs.
 */
function expireOrderAndInvoice(tx: Transactor, context: Context, orderId: string): void {
  expireOrder(tx, context, orderId)
  const invoiceId = tx.get(tables.orders, [orderId])?.invoiceId ?? null
  const invoice = invoiceId === null ? undefined : tx.get(tables.invoices, [invoiceId])
  if (invoiceId !== null && invoice !== undefined) expireInvoice(tx, invoiceId, invoice)
}
