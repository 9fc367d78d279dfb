import { z } from 'zod'
import { ref } from '../../protocol/fields.ts'
import { walletConnection } from '../../protocol/wallet-connection.ts'
import { reject } from '../../rejections.ts'
import { tables } from '../../store/tables.ts'
import { defineCall, defineQuery } from '../method.ts'

const label = z.string().max(64).default('')
const kept = z.object({ handle: ref, kind: z.string(), label: z.string(), createdAt: z.int() })

export const secretPut = defineCall({
  name: 'secret.put',
  type: 'call',
  caller: 'customer',
  privacy: 'private',
  summary: 'Keeps a secret of the caller outside the log, erasable, and gives a handle for commands.',
  params: z.discriminatedUnion('kind', [z.strictObject({ kind: z.literal('nwc'), secret: walletConnection, label })]),
  result: z.object({ handle: ref }),
  perform: ({ kind, secret, label: text }, secrets, { author, callId, time, reader }) => {
    // Who has never commanded anything has nothing to pay, and strangers shall not fill the disk.
    if (!reader.has(tables.accounts, [author])) {
      return reject('UNAUTHORIZED', 'secrets are kept for accounts, which begin with their first command')
    }
    const put = secrets.put(author, { callId, kind, secret, label: text, time })
    if (put === 'full') return reject('LIMIT_REACHED', 'this account keeps as many secrets as it may: erase some')
    if (put === 'erased') return reject('CONFLICT', 'this secret was kept before and erased since')
    return put
  },
})

export const secretErase = defineCall({
  name: 'secret.erase',
  type: 'call',
  caller: 'customer',
  privacy: 'private',
  summary: 'Erases one secret of the caller, or all with the key that they are encrypted with.',
  params: z.union([z.strictObject({ handle: ref }), z.strictObject({ all: z.literal(true) })]),
  result: z.object({ erased: z.int() }),
  perform: (wanted, secrets, { author, time }) => {
    if ('all' in wanted) return { erased: secrets.eraseAll(author, time) }
    return secrets.erase(author, wanted.handle, time) ? { erased: 1 } : reject('NOT_FOUND', 'there is no such secret')
  },
})

export const secretList = defineQuery({
  name: 'secret.list',
  type: 'query',
  caller: 'customer',
  privacy: 'sealed',
  summary: 'The handles of the secrets that are kept for the caller, never the secrets.',
  params: z.strictObject({}),
  result: z.object({ secrets: z.array(kept) }),
  answer: (_params, reader, { author }) => ({
    secrets: reader
      .range(tables.secrets, [author])
      .filter(({ row }) => row.sealed !== null)
      .map(({ key: [, handle], row: { kind, label: text, createdAt } }) => ({ handle, kind, label: text, createdAt })),
  }),
})
