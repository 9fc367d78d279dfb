import type { RejectionCode } from '../../src/rejections.ts'
import type { Key } from './envelope.ts'
import type { World } from './world.ts'

/** A command that is understood and refused by what it meets: it gets one signed result with this code. */
export type Refusal = {
  readonly name: string
  readonly who: (world: World) => Key
  readonly method: string
  readonly params: unknown
  readonly code: RejectionCode
  readonly message: RegExp
}

const stranger = (world: World) => world.stranger
const alice = (world: World) => world.alice
const register = { who: stranger, method: 'identifier.register' }
const setRecords = { who: alice, method: 'identifier.set_records' }
const alias = (value: string) => [{ type: 'CNAME', value }]

/** Each rule of `protocol/names.ts`, by the configuration of the tests. */
const badNames: readonly [name: string, message: RegExp][] = [
  ['a', /at least 2 characters/],
  ['a'.repeat(17), /at most 16 characters/],
  ['a+b', /not "\+"/],
  ['straße', /not "ß"/],
  ['a/b', /not "\/"/],
  ['.ab', /begins nor ends/],
  ['ab.', /begins nor ends/],
  ['-ab', /begins nor ends/],
  ['ab-', /begins nor ends/],
  ['a..b', /two dots/],
  ['xn--mnchen-3ya', /"xn--"/],
]

export const refusals: readonly Refusal[] = [
  ...badNames.map(([name, message]) => ({
    ...register,
    name: `the name ${name}`,
    params: { identifier: `${name}@localhost` },
    code: 'NAME_INVALID' as const,
    message,
  })),
  {
    ...register,
    name: 'a taken name',
    params: { identifier: 'alice@free.test' },
    code: 'NAME_TAKEN',
    message: /is taken/,
  },
  {
    ...register,
    name: 'a taken name in capitals',
    params: { identifier: 'ALICE@Free.Test' },
    code: 'NAME_TAKEN',
    message: /^alice@free\.test is taken/,
  },
  { ...register, name: 'a held name', params: { identifier: 'held@localhost' }, code: 'NAME_HELD', message: /is held/ },
  {
    ...register,
    name: 'a name reserved by the configuration',
    params: { identifier: 'postmaster@localhost' },
    code: 'NAME_RESERVED',
    message: /is reserved/,
  },
  {
    ...register,
    name: 'a name reserved by an operator',
    params: { identifier: 'kept@localhost' },
    code: 'NAME_RESERVED',
    message: /is reserved/,
  },
  {
    ...register,
    name: 'a domain of somebody else',
    params: { identifier: 'new@elsewhere.test' },
    code: 'NOT_FOUND',
    message: /not a domain/,
  },
  {
    ...register,
    name: 'a domain that sells nothing',
    params: { identifier: 'new@closed.test' },
    code: 'DOMAIN_CLOSED',
    message: /sells no names/,
  },
  {
    ...register,
    name: 'a balance that is empty',
    params: { identifier: 'new@localhost', pay: 'balance' },
    code: 'INSUFFICIENT_BALANCE',
    message: /balance/,
  },
  {
    ...register,
    name: 'an alias of itself',
    params: { identifier: 'me@free.test', records: alias('me@free.test') },
    code: 'CONFLICT',
    message: /loop/,
  },
  {
    who: stranger,
    method: 'identifier.set_records',
    name: 'records of somebody else',
    params: { identifier: 'alice@free.test', records: [] },
    code: 'UNAUTHORIZED',
    message: /another account/,
  },
  {
    ...setRecords,
    name: 'records of no name',
    params: { identifier: 'nobody@free.test', records: [] },
    code: 'NOT_FOUND',
    message: /not registered/,
  },
  {
    ...setRecords,
    name: 'records that have changed since',
    params: { identifier: 'alice@free.test', records: [], expectedVersion: 99 },
    code: 'CONFLICT',
    message: /changed since/,
  },
  {
    ...setRecords,
    name: 'a loop of two aliases',
    params: { identifier: 'second@free.test', records: alias('alice@free.test') },
    code: 'CONFLICT',
    message: /loop/,
  },
  {
    ...setRecords,
    name: 'an alias out of the service',
    params: { identifier: 'second@free.test', records: alias('a@elsewhere.test') },
    code: 'CONFLICT',
    message: /domain of this service/,
  },
  {
    ...setRecords,
    name: 'an alias beside a key',
    params: {
      identifier: 'second@free.test',
      records: [...alias('x@free.test'), { type: 'NOSTR', value: `${'0'.repeat(63)}1` }],
    },
    code: 'CONFLICT',
    message: /NOSTR/,
  },
  {
    ...setRecords,
    name: 'the same record twice',
    params: {
      identifier: 'second@free.test',
      records: [
        { type: 'TXT', value: 'a' },
        { type: 'TXT', value: 'a' },
      ],
    },
    code: 'CONFLICT',
    message: /twice/,
  },
  {
    who: alice,
    method: 'identifier.reserve',
    name: "an operator's method by a customer",
    params: { identifier: 'mine@localhost', reason: 'mine' },
    code: 'UNAUTHORIZED',
    message: /operators/,
  },
  {
    who: alice,
    method: 'domain.set_policy',
    name: 'prices set by a customer',
    params: { domain: 'localhost', basePriceMsat: 0 },
    code: 'UNAUTHORIZED',
    message: /operators/,
  },
  {
    who: stranger,
    method: 'invoice.pay',
    name: 'an invoice that does not exist',
    params: { from: 'balance', invoiceId: '0'.repeat(32) },
    code: 'NOT_FOUND',
    message: /no such invoice/,
  },
  {
    who: stranger,
    method: 'balance.withdraw',
    name: 'more than there is to a Lightning address',
    params: { lightningAddress: 'carol@wallet.test', amountMsat: 1_000_000 },
    code: 'INSUFFICIENT_BALANCE',
    message: /does not cover the amount/,
  },
  {
    who: stranger,
    method: 'order.refund',
    name: 'a refund by a customer',
    params: { orderId: '0'.repeat(32), reason: 'please' },
    code: 'UNAUTHORIZED',
    message: /operators/,
  },
  {
    who: stranger,
    method: 'ticket.reply',
    name: 'a ticket that does not exist',
    params: { ticketId: '0'.repeat(32), content: 'hello' },
    code: 'NOT_FOUND',
    message: /no such ticket/,
  },
]
