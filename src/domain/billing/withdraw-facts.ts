import { z } from 'zod'
import { maxBolt11Characters } from '../../bolt11.ts'
import { ref } from '../../protocol/fields.ts'
import { ok } from '../context.ts'
import { completeJob } from '../jobs.ts'
import { defineCommand } from '../method.ts'
import { payResolved } from './withdraw.ts'
import { endWithdrawal, paymentOutcome } from './withdrawals.ts'

const done = z.object({})

/** A Lightning address has given an invoice, the only one that is paid for its withdrawal. */
export const withdrawalResolved = defineCommand({
  name: 'withdrawal.resolved',
  type: 'fact',
  caller: 'service',
  privacy: 'public',
  summary: 'A Lightning address has given an invoice for a withdrawal.',
  params: z.strictObject({ jobId: ref, withdrawalId: ref, bolt11: z.string().max(maxBolt11Characters) }),
  result: done,
  handle: ({ jobId, withdrawalId, bolt11 }, tx, context) => {
    completeJob(tx, jobId)
    payResolved(tx, context, withdrawalId, bolt11)
    return ok({})
  },
})

/** A Lightning address has given no invoice: nothing was paid, and the money is the customer's again. */
export const withdrawalUnresolved = defineCommand({
  name: 'withdrawal.unresolved',
  type: 'fact',
  caller: 'service',
  privacy: 'public',
  summary: 'A Lightning address has given no invoice for a withdrawal.',
  params: z.strictObject({ jobId: ref, withdrawalId: ref, reason: z.string().max(256) }),
  result: done,
  handle: ({ jobId, withdrawalId, reason }, tx, context) => {
    completeJob(tx, jobId)
    endWithdrawal(tx, context, withdrawalId, { status: 'failed', reason })
    return ok({})
  },
})

/** The wallet has paid an invoice for a customer, or will not. */
export const paymentEnded = defineCommand({
  name: 'payment.ended',
  type: 'fact',
  caller: 'service',
  privacy: 'public',
  summary: 'The wallet has paid an invoice for a customer, or has failed to.',
  params: z.strictObject({ jobId: ref, withdrawalId: ref, outcome: paymentOutcome }),
  result: done,
  handle: ({ jobId, withdrawalId, outcome }, tx, context) => {
    completeJob(tx, jobId)
    endWithdrawal(tx, context, withdrawalId, outcome)
    return ok({})
  },
})
