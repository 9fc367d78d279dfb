import { z } from 'zod'
import { maxBolt11Characters } from '../../protocol/bolt11.ts'
import { page, ref } from '../../protocol/fields.ts'
import { isRejection, reject } from '../../rejections.ts'
import { tables } from '../../store/tables.ts'
import { isOperator, ok } from '../context.ts'
import { completeJob } from '../jobs.ts'
import { listed } from '../listing.ts'
import { defineCommand, defineQuery } from '../method.ts'
import { endWithdrawal, paymentOutcome, presentWithdrawal, withdraw } from './withdrawals.ts'

const view = z.looseObject({ id: ref, status: z.enum(['paying', 'paid', 'failed']), amountMsat: z.int() })

export const balanceWithdraw = defineCommand({
  name: 'balance.withdraw',
  type: 'command',
  caller: 'customer',
  privacy: 'private',
  summary: 'Pays a Lightning invoice from the balance; a notice tells what became of it.',
  params: z.strictObject({
    bolt11: z.string().max(maxBolt11Characters),
    /** The most that the payment may cost beside its amount. */
    maxFeeMsat: z.int().min(0).max(1_000_000_000).optional(),
  }),
  result: z.object({ withdrawal: view }),
  handle: ({ bolt11, maxFeeMsat }, tx, context) => {
    const made = withdraw(tx, context, { bolt11, maxFeeMsat })
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
  answer: ({ withdrawalId }, reader, { author, settings }) => {
    const withdrawal = reader.get(tables.withdrawals, [withdrawalId])
    if (withdrawal === undefined) return reject('NOT_FOUND', 'there is no such withdrawal')
    if (withdrawal.account !== author && !isOperator(settings, author)) {
      return reject('UNAUTHORIZED', 'this withdrawal belongs to another account')
    }
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

/** The wallet has paid an invoice for a customer, or will not. */
export const paymentEnded = defineCommand({
  name: 'payment.ended',
  type: 'fact',
  caller: 'service',
  privacy: 'public',
  summary: 'The wallet has paid an invoice for a customer, or has failed to.',
  params: z.strictObject({ jobId: ref, withdrawalId: ref, outcome: paymentOutcome }),
  result: z.object({}),
  handle: ({ jobId, withdrawalId, outcome }, tx, context) => {
    completeJob(tx, jobId)
    endWithdrawal(tx, context, withdrawalId, outcome)
    return ok({})
  },
})
