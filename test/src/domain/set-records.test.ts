import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { keyOf, openService, operator, type TestService } from '../service.ts'

const alice = keyOf(2)
const bob = keyOf(3)
const name = 'alice@free.example'
const txt = { type: 'TXT', value: 'hello' }
const nostr = { type: 'NOSTR', value: bob.publicKey }
const cname = (value: string) => ({ type: 'CNAME', value })

let service: TestService
beforeEach(async () => {
  service = await openService()
  service.send(alice, 'identifier.register', { identifier: name, relays: ['wss://one.example'] })
  service.send(bob, 'identifier.register', { identifier: 'bob@free.example' })
})
afterEach(async () => {
  expect(service.errors).toEqual([])
  await service.close()
})

const get = () => service.query(bob, 'identifier.get', { identifier: name }).body

describe('identifier.set_records', () => {
  it.each([
    { case: 'some records', records: [txt, nostr], extra: {}, relays: ['wss://one.example'] },
    { case: 'no records', records: [], extra: {}, relays: ['wss://one.example'] },
    { case: 'other relays', records: [txt], extra: { relays: ['wss://two.example'] }, relays: ['wss://two.example'] },
    { case: 'no relays', records: [], extra: { relays: [] }, relays: [] },
    { case: 'the version as expected', records: [txt], extra: { expectedVersion: 1 }, relays: ['wss://one.example'] },
    { case: 'an alias', records: [cname('bob@free.example'), txt], extra: {}, relays: ['wss://one.example'] },
    { case: 'an alias of nobody yet', records: [cname('x@example.com')], extra: {}, relays: ['wss://one.example'] },
  ])('takes $case', ({ records, extra, relays }) => {
    const result = service.send(alice, 'identifier.set_records', {
      identifier: 'Alice@FREE.example',
      records,
      ...extra,
    })
    const stored = records.map(entry => ({ ...entry, priority: 0, ttlSeconds: 3_600 }))
    expect(result).toMatchObject({ status: 'ok', body: { identifier: { version: 2, records: stored, relays } } })
    expect(get()).toMatchObject({ version: 2, records: stored, relays, owner: alice.publicKey })
    const published = service.sent.filter(event => event.kind === 32_410 && event.tags[0]?.[1] === name).at(-1)
    expect(published?.tags.filter(tag => tag[0] === 'record').map(tag => tag.slice(1, 3))).toEqual(
      stored.map(({ type, value }) => [type, value]),
    )
    expect(published?.tags.filter(tag => tag[0] === 'relay').map(tag => tag[1])).toEqual(relays)
  })

  it.each([
    {
      case: 'an unknown name',
      by: alice,
      params: { identifier: 'nobody@free.example', records: [] },
      code: 'NOT_FOUND',
    },
    { case: 'an unknown domain', by: alice, params: { identifier: 'alice@x.example', records: [] }, code: 'NOT_FOUND' },
    { case: "somebody else's name", by: bob, params: { identifier: name, records: [] }, code: 'UNAUTHORIZED' },
    {
      case: "a customer's name by an operator",
      by: operator,
      params: { identifier: name, records: [] },
      code: 'UNAUTHORIZED',
    },
    {
      case: 'a later version',
      by: alice,
      params: { identifier: name, records: [], expectedVersion: 2 },
      code: 'CONFLICT',
    },
    { case: 'a record twice', by: alice, params: { identifier: name, records: [txt, txt] }, code: 'CONFLICT' },
    {
      case: 'two aliases',
      by: alice,
      params: { identifier: name, records: [cname('bob@free.example'), cname('x@free.example')] },
      code: 'CONFLICT',
    },
    {
      case: 'an alias beside a key',
      by: alice,
      params: { identifier: name, records: [nostr, cname('bob@free.example')] },
      code: 'CONFLICT',
    },
    { case: 'an alias of itself', by: alice, params: { identifier: name, records: [cname(name)] }, code: 'CONFLICT' },
    {
      case: 'an alias elsewhere',
      by: alice,
      params: { identifier: name, records: [cname('alice@other.example')] },
      code: 'CONFLICT',
    },
  ])('refuses $case with $code', ({ by, params, code }) => {
    const before = get()
    expect(service.send(by, 'identifier.set_records', params)).toMatchObject({ status: 'error', body: { code } })
    expect(get()).toEqual(before)
  })

  it('tells the version that a change is made against in vain', () => {
    service.send(alice, 'identifier.set_records', { identifier: name, records: [txt] })
    const late = service.send(alice, 'identifier.set_records', { identifier: name, records: [], expectedVersion: 1 })
    expect(late.body).toMatchObject({ code: 'CONFLICT', details: { version: 2 } })
  })

  it.each([
    { case: 'a record of no type', params: { identifier: name, records: [{ type: 'MX', value: 'x' }] } },
    { case: 'unknown params', params: { identifier: name, records: [], ttl: 5 } },
    { case: 'no records at all', params: { identifier: name } },
    { case: 'eleven relays', params: { identifier: name, records: [], relays: Array(11).fill('wss://a.example') } },
    { case: 'a zero byte in the domain', params: { identifier: 'alice@free\0.example', records: [] } },
  ])('refuses $case at admission', ({ params }) => {
    const applied = service.apply(service.sign(alice, 2410, 'identifier.set_records', params))
    expect(applied).toMatchObject({ rejected: true, code: 'INVALID_PARAMS' })
  })

  it('is for the owner during the grace time too, and for nobody afterwards', async () => {
    await service.advance(366 * 86_400)
    expect(service.send(alice, 'identifier.set_records', { identifier: name, records: [txt] }).status).toBe('ok')
    await service.advance(30 * 86_400)
    expect(service.send(alice, 'identifier.set_records', { identifier: name, records: [] }).body).toMatchObject({
      code: 'NOT_FOUND',
    })
  })
})
