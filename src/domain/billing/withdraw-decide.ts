import { z } from 'zod'
import { ref } from '../../protocol/fields.ts'
import { reject } from '../../rejections.ts'
import { tables } from '../../store/tables.ts'
import { ok } from '../context.ts'
import { completeJob } from '../jobs.ts'
import { defineCommand } from '../method.ts'
import { endWithdrawal, paymentOutcome, presentWithdrawal } from './withdrawals.ts'

/** For payments that no wallet can tell of any more, as when the one that was asked is gone. */
export const withdrawalDecide = defineCommand({
  name: 'withdrawal.decide',
  type: 'command',
  caller: 'operator',
  privacy: 'private',
  summary: 'Says what became of a withdrawal whose payment the wallet leaves unknown. It is final: look it up first.',
  params: z.strictObject({ withdrawalId: ref, outcome: paymentOutcome }),
  result: z.object({ withdrawal: z.looseObject({ id: ref, status: z.enum(['paid', 'failed']) }) }),
  handle: ({ withdrawalId, outcome }, tx, context) => {
    const withdrawal = tx.get(tables.withdrawals, [withdrawalId])
    if (withdrawal === undefined) return reject('NOT_FOUND', 'there is no such withdrawal')
    if (withdrawal.status !== 'paying') return reject('CONFLICT', `this withdrawal is ${withdrawal.status}`)
    for (const { key, row } of tx.range(tables.jobs, [])) {
      const isOfIt = (row.payload as { withdrawalId?: string }).withdrawalId === withdrawalId
      if (row.type === 'pay-invoice' && isOfIt) completeJob(tx, key[0])
    }
    endWithdrawal(tx, context, withdrawalId, outcome)
    const ended = tx.get(tables.withdrawals, [withdrawalId])
    if (ended === undefined) throw new Error(`withdrawal ${withdrawalId} is gone`)
    return ok({ withdrawal: presentWithdrawal(withdrawalId, ended) })
  },
})
