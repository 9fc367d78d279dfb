import { randomBytes } from 'node:crypto'
import { command, nowSeconds, query, sign } from './envelope.ts'
import { otherService, quote, type Refused, registration, settled, ticket, withParams } from './refused.ts'
import type { World } from './world.ts'

/** An event of a stranger with these tags and no others. */
function tagged(tags: (world: World) => string[][]) {
  return (world: World) =>
    sign(world.stranger, {
      kind: 2410,
      tags: [['salt', randomBytes(8).toString('hex')], ...tags(world)],
      content: JSON.stringify(quote),
    })
}

const outOfWindow = 'invalid: EXPIRED: created_at is too far from now, or execute-by has passed'
const noMethod = 'invalid: UNKNOWN_METHOD: there is no such method'
const cannotDecrypt = 'invalid: INVALID_PARAMS: content: cannot be decrypted'
const oneService = 'invalid: INVALID_PARAMS: tags: a command has exactly one "p" tag, the service'
const oneMethod = 'invalid: INVALID_PARAMS: tags: a command has exactly one "method" tag'

export const commands: readonly Refused[] = [
  { name: 'signed eleven minutes ago', event: registration({ ageSeconds: 660 }), message: outOfWindow },
  { name: 'signed a year ago', event: registration({ ageSeconds: 31_536_000 }), message: outOfWindow },
  { name: 'signed six minutes ahead', event: registration({ ageSeconds: -360 }), message: outOfWindow },
  {
    name: 'execute-by has passed',
    event: registration({ ageSeconds: 60, tags: [['execute-by', String(nowSeconds() - 1)]] }),
    message: outOfWindow,
  },
  {
    name: 'a query signed eleven minutes ago',
    event: ({ service, stranger }) => query(service, stranger, 'identifier.quote', quote, { ageSeconds: 660 }),
    message: outOfWindow,
  },
  {
    name: 'execute-by in two days',
    event: registration({ tags: [['execute-by', String(nowSeconds() + 172_800)]] }),
    message: 'invalid: INVALID_PARAMS: tags: "execute-by" is at most 24 hours after created_at',
  },
  {
    name: 'execute-by in words',
    event: registration({ tags: [['execute-by', 'soon']] }),
    message: /^invalid: INVALID_PARAMS: tags: at most one "execute-by"/,
  },
  {
    name: 'two execute-by',
    event: registration({
      tags: [
        ['execute-by', '1'],
        ['execute-by', '2'],
      ],
    }),
    message: /^invalid: INVALID_PARAMS: tags: at most one "execute-by"/,
  },
  { name: 'no p tag', event: tagged(() => [['method', 'identifier.register']]), message: oneService },
  { name: 'two p tags', event: registration({ tags: [['p', otherService]] }), message: oneService },
  {
    name: 'the same p tag twice',
    event: world => registration({ tags: [['p', world.service]] })(world),
    message: oneService,
  },
  {
    name: 'for another service',
    event: registration({ service: otherService }),
    message: 'invalid: INVALID_PARAMS: tags: the "p" tag names another service',
  },
  { name: 'no method', event: tagged(({ service }) => [['p', service]]), message: oneMethod },
  { name: 'two methods', event: registration({ tags: [['method', 'identifier.set_records']] }), message: oneMethod },
  { name: 'unknown method', event: withParams('identifier.steal', quote), message: noMethod },
  { name: 'a method of Object.prototype', event: withParams('constructor', {}), message: noMethod },
  { name: 'a query sent as a command', event: withParams('identifier.quote', quote), message: noMethod },
  {
    name: 'a command sent as a query',
    event: ({ service, stranger }) => query(service, stranger, 'identifier.register', quote),
    message: noMethod,
  },
  {
    name: 'a fact of a customer',
    event: ({ service, alice }) => command(service, alice, 'invoice.settled', settled),
    message: noMethod,
  },
  {
    name: 'a fact of an operator',
    event: ({ service, operator }) => command(service, operator, 'invoice.settled', settled, { encryption: null }),
    message: noMethod,
  },
  {
    name: 'plaintext of a private command',
    event: ({ service, stranger }) => command(service, stranger, 'ticket.open', ticket, { encryption: null }),
    message: /^invalid: ENCRYPTION_REQUIRED: ticket\.open /,
  },
  {
    name: 'plaintext of a private query',
    event: ({ service, stranger }) => query(service, stranger, 'ticket.list', {}, { encryption: null }),
    message: /^invalid: ENCRYPTION_REQUIRED: ticket\.list /,
  },
  {
    name: 'NIP-04 encryption',
    event: registration({ encryption: 'nip04' }),
    message: 'invalid: UNSUPPORTED_ENCRYPTION: the only encryption understood is nip44_v2',
  },
  {
    name: 'two encryption tags',
    event: registration({ tags: [['encryption', 'nip44_v2']] }),
    message: /^invalid: INVALID_PARAMS: tags: at most one "encryption"/,
  },
  { name: 'ciphertext that is none', event: registration({ content: 'AAAA' }), message: cannotDecrypt },
  {
    name: 'ciphertext with a byte flipped',
    event: world => registration({ content: flipped(registration({})(world).content) })(world),
    message: cannotDecrypt,
  },
  {
    name: 'ciphertext of somebody else',
    event: ({ service, stranger, alice }) =>
      command(service, stranger, 'ticket.open', ticket, {
        content: command(service, alice, 'ticket.open', ticket).content,
      }),
    message: cannotDecrypt,
  },
  {
    name: 'a suspended account',
    event: ({ service, suspended }) => command(service, suspended, 'identifier.register', quote),
    message: 'restricted: SUSPENDED: this account is suspended',
  },
]

function flipped(base64: string): string {
  const bytes = Buffer.from(base64, 'base64')
  bytes[40] = (bytes[40] ?? 0) ^ 1
  return bytes.toString('base64')
}
