import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { checkParams } from '../../../src/protocol/faults.ts'
import { publicKey } from '../../../src/protocol/fields.ts'
import { recordInputs } from '../../../src/protocol/records.ts'

const schema = z.strictObject({
  name: z.string().min(2).max(4),
  years: z.int().min(1).max(10).default(1),
  price: z.number().gt(0).lt(5).optional(),
  open: z.boolean().optional(),
  pay: z.enum(['invoice', 'balance']).default('invoice'),
  relays: z.array(z.string()).min(1).max(2).optional(),
  key: publicKey.optional(),
  records: recordInputs.default([]),
})
const right = { name: 'bob' }

function faultsOf(params: unknown): string[] {
  const checked = checkParams(schema, params)
  return checked.ok ? [] : checked.faults.map(({ path, message }) => `${path}: ${message}`)
}

describe('params', () => {
  it('that fit come as the schema makes them', () => {
    expect(checkParams(schema, right)).toEqual({
      ok: true,
      params: { name: 'bob', years: 1, pay: 'invoice', records: [] },
    })
  })

  it.each<[unknown, string]>([
    [undefined, 'params: missing, expected an object'],
    ['bob', 'params: expected an object'],
    [{}, 'params.name: missing, expected text'],
    [{ name: 7 }, 'params.name: expected text'],
    [{ name: 'b' }, 'params.name: expected at least 2 characters'],
    [{ name: 'roberta' }, 'params.name: expected at most 4 characters'],
    [{ ...right, years: '1' }, 'params.years: expected a number'],
    [{ ...right, years: 0.5 }, 'params.years: expected a whole number'],
    [{ ...right, years: 0 }, 'params.years: expected at least 1'],
    [{ ...right, years: 11 }, 'params.years: expected at most 10'],
    [{ ...right, price: 0 }, 'params.price: expected more than 0'],
    [{ ...right, price: 5 }, 'params.price: expected less than 5'],
    [{ ...right, open: 'yes' }, 'params.open: expected true or false'],
    [{ ...right, pay: 'later' }, 'params.pay: expected one of invoice, balance'],
    [{ ...right, relays: 'wss://a' }, 'params.relays: expected a list'],
    [{ ...right, relays: [] }, 'params.relays: expected at least 1 entry'],
    [{ ...right, relays: ['a', 'b', 'c'] }, 'params.relays: expected at most 2 entries'],
    [{ ...right, relays: [null] }, 'params.relays.0: expected text'],
    [{ ...right, key: 'ab' }, 'params.key: expected a public key as 64 lower-case hex digits or npub'],
    [{ ...right, coupon: 'FREE' }, 'params.coupon: unknown key'],
    [{ ...right, records: [{}] }, 'params.records.0.type: missing, expected one of NOSTR, CNAME, URL, TXT'],
    [{ ...right, records: [{ type: 'A' }] }, 'params.records.0.type: expected one of NOSTR, CNAME, URL, TXT'],
    [
      { ...right, records: [{ type: 'TXT', value: 'a', ttlSeconds: 1 }] },
      'params.records.0.ttlSeconds: expected at least 60',
    ],
    [{ ...right, records: [{ type: 'TXT', value: 'a', ttl: 60 }] }, 'params.records.0.ttl: unknown key'],
  ])('such as %o are refused with path and plain words', (params, fault) => {
    expect(faultsOf(params)).toEqual([fault])
  })

  it('are refused with all of their faults', () => {
    expect(faultsOf({ years: 0, a: 1, b: 2 })).toEqual([
      'params.name: missing, expected text',
      'params.years: expected at least 1',
      'params.a: unknown key',
      'params.b: unknown key',
    ])
  })

  it.each([
    { name: 'hunter2hunter2' },
    { ...right, key: 'hunter2' },
    { ...right, pay: 'hunter2' },
    { ...right, coupon: { secret: 'hunter2' } },
    { ...right, records: [{ type: 'hunter2' }, { type: 'URL', value: 'hunter2' }] },
  ])('are never repeated: %o', params => {
    expect(faultsOf(params)).not.toEqual([])
    expect(faultsOf(params).join()).not.toContain('hunter2')
  })

  it('with endless or unprintable keys get a fault of ordinary length', () => {
    expect(faultsOf({ ...right, ['x'.repeat(60_000)]: 1, 'a\u001b[2Jb': 1 })).toEqual([
      `params.${'x'.repeat(64)}…: unknown key`,
      'params.a?[2Jb: unknown key',
    ])
  })
})
