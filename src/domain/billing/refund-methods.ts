import { z } from 'zod'
import { ref } from '../../protocol/fields.ts'
import { isRejection } from '../../rejections.ts'
import { ok } from '../context.ts'
import { defineCommand } from '../method.ts'
import { presentOrder } from './orders.ts'
import { presentSent, refundOrder } from './refunds.ts'

export const orderRefund = defineCommand({
  name: 'order.refund',
  type: 'command',
  caller: 'operator',
  privacy: 'sealed',
  summary:
    'Gives the price of a fulfilled order back to its customer, who keeps what was handed over; to the Lightning address of the order, if it has one.',
  params: z.strictObject({
    orderId: ref,
    /** What the customer is told. */
    reason: z.string().min(1).max(500),
  }),
  result: z.object({
    order: z.looseObject({ id: ref, status: z.string() }),
    refundedMsat: z.int(),
    withdrawal: z.looseObject({ id: ref, status: z.string(), amountMsat: z.int() }).optional(),
    /** Why it stays on the balance though the order has an address. */
    notSent: z.object({ code: z.string(), message: z.string() }).optional(),
  }),
  handle: ({ orderId, reason }, tx, context) => {
    const made = refundOrder(tx, context, orderId, reason)
    if (isRejection(made)) return made
    const { order, refundedMsat, sent } = made
    return ok({ order: presentOrder(orderId, order), refundedMsat, ...presentSent(sent) })
  },
})
