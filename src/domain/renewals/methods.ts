import { z } from 'zod'
import { amountMsat, identifier, page, ref } from '../../protocol/fields.ts'
import { splitIdentifier } from '../../protocol/names.ts'
import { type Rejection, reject } from '../../rejections.ts'
import { type RowOf, tables } from '../../store/tables.ts'
import type { Reader } from '../../store/transaction.ts'
import { ok } from '../context.ts'
import { noticeTime } from '../identifiers/lifecycle.ts'
import { listed } from '../listing.ts'
import { defineCommand, defineQuery } from '../method.ts'
import { fitPage } from '../page.ts'
import { endRenewal, putRenewal, type Renewal } from './choice.ts'

const view = z.object({
  identifier: z.string(),
  from: z.enum(['balance', 'wallet']),
  handle: ref.optional(),
  maxMsat: z.int(),
  nextTryAt: z.int(),
})

export const renewalSet = defineCommand({
  name: 'renewal.set',
  type: 'command',
  caller: 'customer',
  privacy: 'private',
  summary: 'Has an own name renewed by itself, a year at a time, when it comes near its end.',
  params: z.discriminatedUnion('from', [
    z.strictObject({ from: z.literal('balance'), identifier, maxMsat: amountMsat }),
    z.strictObject({
      from: z.literal('wallet'),
      identifier,
      /** Of the wallet connection, as `secret.put` gave it; it has a budget (`renewal.set_budget`). */
      handle: ref,
      /** The most that a year may cost. */
      maxMsat: amountMsat,
    }),
  ]),
  result: z.object({ renewal: view }),
  handle: (params, tx, context) => {
    const target = splitIdentifier(params.identifier)
    const row = ownName(tx, context.author, params.identifier)
    if ('rejected' in row) return row
    const { author: owner, commandId, time } = context
    if (params.from === 'wallet' && !tx.has(tables.walletBudgets, [owner, params.handle])) {
      return reject('CONFLICT', 'this wallet has no budget: renewal.set_budget gives it one')
    }
    const renewal: Renewal = {
      owner,
      commandId,
      handle: params.from === 'wallet' ? params.handle : null,
      maxMsat: params.maxMsat,
      nextTryAt: Math.max(time, noticeTime(context, row.expiresAt)),
    }
    putRenewal(tx, target, renewal)
    return ok({ renewal: present(params.identifier, renewal) })
  },
})

export const renewalUnset = defineCommand({
  name: 'renewal.unset',
  type: 'command',
  caller: 'customer',
  privacy: 'sealed',
  summary: 'No longer has an own name renewed by itself.',
  params: z.strictObject({ identifier }),
  result: z.object({}),
  handle: (params, tx, context) => {
    const target = splitIdentifier(params.identifier)
    const row = ownName(tx, context.author, params.identifier)
    if ('rejected' in row) return row
    if (!tx.has(tables.renewals, [target.domain, target.name])) {
      return reject('NOT_FOUND', `${params.identifier} is not renewed by itself`)
    }
    endRenewal(tx, target)
    return ok({})
  },
})

export const renewalList = defineQuery({
  name: 'renewal.list',
  type: 'query',
  caller: 'customer',
  privacy: 'sealed',
  summary: 'The names of the caller that are renewed by themselves, and how, a page at a time.',
  params: z.strictObject({ limit: page.limit, after: identifier.optional() }),
  result: z.object({ renewals: z.array(view), next: z.string().nullable() }),
  answer: ({ limit, after }, reader, { author }) => {
    const from = after === undefined ? {} : { after: { time: 0, id: after } }
    const views = listed(reader, author, 'renewal', { limit: limit + 1, ...from }).map(full => {
      const { domain, name } = splitIdentifier(full)
      const renewal = reader.get(tables.renewals, [domain, name])
      if (renewal === undefined) throw new Error(`the renewal of ${full} is listed but missing`)
      return present(full, renewal)
    })
    const { page: renewals, hasMore } = fitPage(views, limit)
    return { renewals, next: hasMore ? (renewals.at(-1)?.identifier ?? null) : null }
  },
})

/** A name of the caller, or why it is none. */
function ownName(reader: Reader, author: string, full: string): RowOf<'identifiers'> | Rejection {
  const { domain, name } = splitIdentifier(full)
  const row = reader.get(tables.identifiers, [domain, name])
  if (row === undefined) return reject('NOT_FOUND', `${full} is not registered`)
  return row.owner === author ? row : reject('UNAUTHORIZED', `${full} belongs to another account`)
}

function present(full: string, { handle, maxMsat, nextTryAt }: Renewal): z.infer<typeof view> {
  return handle === null
    ? { identifier: full, from: 'balance', maxMsat, nextTryAt }
    : { identifier: full, from: 'wallet', handle, maxMsat, nextTryAt }
}
