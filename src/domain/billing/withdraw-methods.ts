import { z } from 'zod'
import { maxBolt11Characters } from '../../bolt11.ts'
import { amountMsat, lightningAddress, page, ref } from '../../protocol/fields.ts'
import { isRejection, reject } from '../../rejections.ts'
import { tables } from '../../store/tables.ts'
import { ok } from '../context.ts'
import { listed } from '../listing.ts'
import { defineCommand, defineQuery } from '../method.ts'
import { visibleRow } from '../owned-row.ts'
import { isAtLimit } from './payment-limits.ts'
import { withdrawToAddress, withdrawToInvoice } from './withdraw.ts'
import { presentWithdrawal } from './withdrawals.ts'

const view = z.looseObject({
  id: ref,
  status: z.enum(['resolving', 'paying', 'paid', 'failed']),
  amountMsat: z.int(),
})

/** LUD-12 leaves it to the payee how long a comment may be; all have to fit into a URL. */
const comment = z
  .string()
  .min(1)
  .max(280)
  .regex(/^[^\p{Cc}\p{Cs}]+$/u, 'text without control characters')

export const balanceWithdraw = defineCommand({
  name: 'balance.withdraw',
  type: 'command',
  caller: 'customer',
  privacy: 'private',
  summary:
    'Pays a Lightning invoice from the balance, or an amount to a Lightning address; a notice tells what became of it.',
  params: z
    .strictObject({
      bolt11: z.string().max(maxBolt11Characters).optional(),
      /** Instead of an invoice: where to ask for one (LUD-16). */
      lightningAddress: lightningAddress.optional(),
      /** Goes with the address, as the comment does, which the payee may not take (LUD-12). */
      amountMsat: amountMsat.optional(),
      comment: comment.optional(),
      /** The most that the payment may cost beside its amount. */
      maxFeeMsat: z.int().min(0).max(1_000_000_000).optional(),
    })
    .superRefine((params, context) => {
      const fault = (path: string, message: string) => context.addIssue({ code: 'custom', path: [path], message })
      if (params.lightningAddress === undefined) {
        if (params.bolt11 === undefined) fault('bolt11', 'a Lightning invoice, or a lightningAddress')
        for (const path of ['amountMsat', 'comment'] as const) {
          if (params[path] !== undefined) fault(path, 'none without a lightningAddress')
        }
        return
      }
      if (params.bolt11 !== undefined) fault('bolt11', 'none beside a lightningAddress')
      if (params.amountMsat === undefined) fault('amountMsat', 'the amount for the lightningAddress')
    }),
  result: z.object({ withdrawal: view }),
  handle: ({ bolt11, lightningAddress: to, amountMsat: sent, comment: said, maxFeeMsat }, tx, context) => {
    const account = context.author
    if (isAtLimit(tx, account, 'withdrawals')) {
      return reject('LIMIT_REACHED', 'several withdrawals of yours are under way: wait until one of them has ended')
    }
    const made =
      to !== undefined && sent !== undefined
        ? withdrawToAddress(tx, context, {
            account,
            lightningAddress: to,
            amountMsat: sent,
            maxFeeMsat,
            comment: said,
            orderId: null,
          })
        : withdrawToInvoice(tx, context, { bolt11: bolt11 ?? '', maxFeeMsat })
    return isRejection(made) ? made : ok({ withdrawal: presentWithdrawal(made.withdrawalId, made.withdrawal) })
  },
})

export const withdrawalGet = defineQuery({
  name: 'withdrawal.get',
  type: 'query',
  caller: 'customer',
  privacy: 'sealed',
  summary: 'One withdrawal of the caller.',
  params: z.strictObject({ withdrawalId: ref }),
  result: view,
  answer: ({ withdrawalId }, reader, viewer) => {
    const withdrawal = visibleRow(reader, { table: tables.withdrawals, name: 'withdrawal' }, withdrawalId, viewer)
    if (isRejection(withdrawal)) return withdrawal
    return presentWithdrawal(withdrawalId, withdrawal)
  },
})

export const withdrawalList = defineQuery({
  name: 'withdrawal.list',
  type: 'query',
  caller: 'customer',
  privacy: 'sealed',
  summary: 'The latest withdrawals of the caller, newest first.',
  params: z.strictObject({ limit: page.limit }),
  result: z.object({ withdrawals: z.array(view) }),
  answer: ({ limit }, reader, { author }) => ({
    withdrawals: listed(reader, author, 'withdrawal', { limit, reverse: true }).map(id => {
      const withdrawal = reader.get(tables.withdrawals, [id])
      if (withdrawal === undefined) throw new Error(`withdrawal ${id} is listed but missing`)
      return presentWithdrawal(id, withdrawal)
    }),
  }),
})
