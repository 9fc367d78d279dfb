import { quote, type Refused, registration, ticket, withParams } from './refused.ts'

/** Params, and where they are wrong. */
const params: readonly [name: string, method: string, params: unknown, path: string][] = [
  ['no object', 'identifier.register', 'alice', 'params'],
  ['a list', 'identifier.register', [], 'params'],
  ['null', 'identifier.register', null, 'params'],
  ['nothing in them', 'identifier.register', {}, 'params.identifier'],
  ['no @', 'identifier.register', { identifier: 'alice' }, 'params.identifier'],
  ['two @', 'identifier.register', { identifier: 'a@b@localhost' }, 'params.identifier'],
  ['a space in the name', 'identifier.register', { identifier: 'a b@localhost' }, 'params.identifier'],
  ['a zero byte in the name', 'identifier.register', { identifier: 'a\0b@localhost' }, 'params.identifier'],
  ['an endless identifier', 'identifier.register', { identifier: `${'a'.repeat(320)}@localhost` }, 'params.identifier'],
  ['no year', 'identifier.register', { ...quote, years: 0 }, 'params.years'],
  ['eleven years', 'identifier.register', { ...quote, years: 11 }, 'params.years'],
  ['half a year', 'identifier.register', { ...quote, years: 0.5 }, 'params.years'],
  ['years in words', 'identifier.register', { ...quote, years: '1' }, 'params.years'],
  ['an unknown way to pay', 'identifier.register', { ...quote, pay: 'later' }, 'params.pay'],
  ['an unknown param', 'identifier.register', { ...quote, voucher: 'FREE' }, 'params.voucher'],
  [
    'a param named __proto__',
    'identifier.register',
    JSON.parse('{"identifier":"new@localhost","__proto__":{}}'),
    'params.__proto__',
  ],
  [
    'a relay that is a web page',
    'identifier.register',
    { ...quote, relays: ['https://relay.test'] },
    'params.relays.0',
  ],
  [
    'an unknown record type',
    'identifier.register',
    { ...quote, records: [{ type: 'A', value: '192.0.2.1' }] },
    'params.records.0.type',
  ],
  [
    'a script for a URL',
    'identifier.register',
    { ...quote, records: [{ type: 'URL', value: 'javascript:alert(1)' }] },
    'params.records.0.value',
  ],
  [
    'a URL with a password',
    'identifier.register',
    { ...quote, records: [{ type: 'URL', value: 'https://a:b@c.test/' }] },
    'params.records.0.value',
  ],
  [
    'a control character in a text',
    'identifier.register',
    { ...quote, records: [{ type: 'TXT', value: 'a\u0007' }] },
    'params.records.0.value',
  ],
  [
    'a short key',
    'identifier.register',
    { ...quote, records: [{ type: 'NOSTR', value: 'ab' }] },
    'params.records.0.value',
  ],
  [
    'a TTL of a second',
    'identifier.register',
    { ...quote, records: [{ type: 'TXT', value: 'a', ttlSeconds: 1 }] },
    'params.records.0.ttlSeconds',
  ],
  [
    '33 records',
    'identifier.register',
    { ...quote, records: Array.from({ length: 33 }, (_, n) => ({ type: 'TXT', value: `${n}` })) },
    'params.records',
  ],
  [
    'a version of nothing',
    'identifier.set_records',
    { ...quote, records: [], expectedVersion: 0 },
    'params.expectedVersion',
  ],
  ['no money', 'balance.topup', { amountMsat: 0 }, 'params.amountMsat'],
  ['more money than there is', 'balance.topup', { amountMsat: 1e15 }, 'params.amountMsat'],
  ['neither invoice nor address', 'balance.withdraw', {}, 'params.bolt11'],
  ['an address without an amount', 'balance.withdraw', { lightningAddress: 'a@wallet.test' }, 'params.amountMsat'],
  [
    'an address by number',
    'balance.withdraw',
    { lightningAddress: 'a@127.0.0.1', amountMsat: 1 },
    'params.lightningAddress',
  ],
  ['refunds to an address on Tor', 'identifier.register', { ...quote, refundTo: 'a@b.onion' }, 'params.refundTo'],
  ['an unknown source of payment', 'invoice.pay', { from: 'air', invoiceId: '0'.repeat(32) }, 'params.from'],
  ['an id in upper case', 'invoice.pay', { from: 'balance', invoiceId: 'A'.repeat(32) }, 'params.invoiceId'],
  ['an empty subject', 'ticket.open', { ...ticket, subject: '' }, 'params.subject'],
  ['an endless question', 'ticket.open', { ...ticket, content: 'x'.repeat(16_385) }, 'params.content'],
  ['a domain with a space', 'domain.add', { domain: 'a b', basePriceMsat: 0, pricePerCharMsat: 0 }, 'params.domain'],
]

export const malformed: readonly Refused[] = [
  ...params.map(([name, method, value, path]) => ({
    name,
    event: withParams(method, value),
    message: new RegExp(`^invalid: INVALID_PARAMS: ${path.replaceAll('.', '\\.')}: `),
  })),
  {
    name: 'no JSON',
    event: registration({ encryption: null, content: '{identifier:' }),
    message: /^invalid: INVALID_PARAMS: params: /,
  },
  {
    name: 'three faults, all of which are named',
    event: withParams('identifier.register', { identifier: '@', years: 11, pay: 'later' }),
    message: /params\.identifier: .*; params\.years: .*; params\.pay: /,
  },
]
