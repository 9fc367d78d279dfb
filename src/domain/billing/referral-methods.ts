import { z } from 'zod'
import { hash } from '../../protocol/fields.ts'
import { reject } from '../../rejections.ts'
import { tables } from '../../store/tables.ts'
import { ok } from '../context.ts'
import { defineCommand, defineQuery } from '../method.ts'
import { addReferral, hasBought, referralCodeOf } from './referrals.ts'

const code = z
  .string()
  .max(16)
  .transform(text => text.toUpperCase())
  .refine(text => /^[0-9A-Z]{8}$/.test(text), '8 letters and digits')

export const referralCreate = defineCommand({
  name: 'referral.create',
  type: 'command',
  caller: 'customer',
  privacy: 'sealed',
  summary: 'Gives the caller a code for others to name, the same one every time.',
  params: z.strictObject({}),
  result: z.object({ code: z.string() }),
  handle: (_params, tx, { author }) => ok({ code: referralCodeOf(tx, author) }),
})

export const referralClaim = defineCommand({
  name: 'referral.claim',
  type: 'command',
  caller: 'customer',
  privacy: 'sealed',
  summary:
    'Says by whose code the caller came, once, before the first purchase, for part of which the other is rewarded.',
  params: z.strictObject({ code }),
  result: z.object({ code: z.string() }),
  handle: (params, tx, context) => {
    const referrer = tx.get(tables.referralCodes, [params.code])?.account
    if (referrer === undefined) return reject('NOT_FOUND', 'there is no such code')
    if (referrer === context.author) return reject('CONFLICT', 'this code is your own')
    if (tx.has(tables.referrals, [context.author])) return reject('CONFLICT', 'you have said by whose code you came')
    if (hasBought(tx, context.author)) return reject('CONFLICT', 'a code is named before the first purchase')
    addReferral(tx, context, referrer)
    return ok({ code: params.code })
  },
})

export const referralGet = defineQuery({
  name: 'referral.get',
  type: 'query',
  caller: 'customer',
  privacy: 'sealed',
  summary: 'The code of the caller and what came of it, and who referred the caller.',
  params: z.strictObject({}),
  result: z.object({
    code: z.string().nullable(),
    pending: z.int(),
    converted: z.int(),
    earnedMsat: z.int(),
    referredBy: hash.nullable(),
  }),
  answer: (_params, reader, { author }) => {
    const own = reader.get(tables.referrers, [author]) ?? { code: null, pending: 0, converted: 0, earnedMsat: 0 }
    return { ...own, referredBy: reader.get(tables.referrals, [author])?.referrer ?? null }
  },
})
