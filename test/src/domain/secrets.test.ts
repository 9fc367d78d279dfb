import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { callMethods } from '../../../src/pipeline/catalog.ts'
import { decode, methodIndex } from '../../../src/pipeline/decode.ts'
import { openSecrets } from '../../../src/store/secrets.ts'
import { tables } from '../../../src/store/tables.ts'
import { differences } from '../pipeline/verify-log.ts'
import { keyOf, openService, type TestService } from '../service.ts'

const alice = keyOf(2)
const bob = keyOf(3)
const stranger = keyOf(4)
const connection = (secret = 'ab'.repeat(32), relay = 'wss://relay.example') =>
  `nostr+walletconnect://${'cd'.repeat(32)}?relay=${encodeURIComponent(relay)}&secret=${secret}`

let service: TestService
beforeEach(async () => {
  service = await openService()
  for (const who of [alice, bob]) service.send(who, 'referral.create', {})
})
afterEach(async () => {
  expect(service.errors).toEqual([])
  expect(await differences(service.environment, service.signer)).toEqual([])
  await service.close()
})

const put = (by = alice, more: object = {}) =>
  service.call(by, 'secret.put', { kind: 'nwc', secret: connection(), ...more })
const handleOf = (reply: { body: Record<string, unknown> }) => String(reply.body.handle)
const listed = (by = alice) => service.query(by, 'secret.list', {}).body.secrets as Record<string, unknown>[]
const opened = (handle: string, by = alice) => service.secrets.open(by.publicKey, handle)?.secret
/** Everything that the tables and the log hold. */
const allBytes = () =>
  Object.values(tables)
    .flatMap(table => [...service.environment.bytes(table).getRange({})].map(({ value }) => value.toString('utf8')))
    .join('\n')

describe('a secret', () => {
  it('is kept for its account, which sees its handle and label and never the secret again', () => {
    const reply = put(alice, { label: 'phone' })
    expect(reply.status).toBe('ok')
    const handle = handleOf(reply)
    expect(handle).toMatch(/^[0-9a-f]{32}$/)
    expect(listed()).toEqual([{ handle, kind: 'nwc', label: 'phone', createdAt: service.clock.time }])
    expect(opened(handle)).toBe(connection())
  })

  it('stands nowhere in the clear, and not in the log', () => {
    const before = service.environment.reader.range(tables.outcomes, []).length
    put()
    expect(allBytes()).not.toContain('ab'.repeat(32))
    expect(service.environment.reader.range(tables.outcomes, [])).toHaveLength(before)
    expect(service.sent.every(event => event.kind !== 22_411)).toBe(true)
  })

  it('is of no use to another account', () => {
    const handle = handleOf(put())
    expect(opened(handle, bob)).toBeUndefined()
    expect(listed(bob)).toEqual([])
    expect(service.call(bob, 'secret.erase', { handle }).body).toMatchObject({ code: 'NOT_FOUND' })
    expect(opened(handle)).toBe(connection())
  })

  it('cannot be read from a row that was moved to another account', () => {
    const handle = handleOf(put())
    handleOf(put(bob))
    const row = service.environment.reader.get(tables.secrets, [alice.publicKey, handle])
    if (row === undefined) throw new Error('the secret is not kept')
    service.environment.root.transactionSync(() =>
      service.environment.transactor.put(tables.secrets, [bob.publicKey, handle], row),
    )
    expect(opened(handle, bob)).toBeUndefined()
  })

  it('is gone when it is erased', () => {
    const handle = handleOf(put())
    expect(service.call(alice, 'secret.erase', { handle }).body).toEqual({ erased: 1 })
    expect(service.call(alice, 'secret.erase', { handle }).body).toMatchObject({ code: 'NOT_FOUND' })
    expect([opened(handle), listed()]).toEqual([undefined, []])
  })

  it('is gone with the key of its account when all are erased', () => {
    const handles = [put(), put()].map(handleOf)
    expect(service.call(alice, 'secret.erase', { all: true }).body).toEqual({ erased: 2 })
    expect(handles.map(handle => opened(handle))).toEqual([undefined, undefined])
    expect(service.environment.reader.has(tables.secretKeys, [alice.publicKey])).toBe(false)
    expect(opened(handleOf(put()))).toBe(connection())
  })
})

describe('without the key of the store', () => {
  const another = () =>
    openSecrets({ environment: service.environment, storeKey: Buffer.alloc(32, 4), replaySeconds: 900 })

  it('nothing can be read, which is seen, and what is kept anew can', () => {
    const handle = handleOf(put())
    const secrets = another()
    expect([service.secrets.isReadable(), secrets.isReadable()]).toEqual([true, false])
    expect(secrets.open(alice.publicKey, handle)).toBeNull()
    const wanted = { callId: '00'.repeat(32), kind: 'nwc', secret: connection(), label: '', time: service.clock.time }
    const anew = service.environment.root.transactionSync(() => secrets.put(alice.publicKey, wanted))
    if (typeof anew === 'string') throw new Error(anew)
    expect(secrets.open(alice.publicKey, anew.handle)).toEqual({ kind: 'nwc', secret: connection() })
    expect(secrets.isReadable()).toBe(true)
  })

  it('and with nothing kept, all is well', () => {
    expect(another().isReadable()).toBe(true)
  })
})

describe('a call that comes again', () => {
  const signed = () => service.sign(alice, 22_410, 'secret.put', { kind: 'nwc', secret: connection() })

  it('has the same handle, and takes no more room', () => {
    const event = signed()
    const handles = [service.perform(alice, event), service.perform(alice, event)].map(handleOf)
    expect(handles[0]).toBe(handles[1])
    expect(listed()).toHaveLength(1)
  })

  it.each(['one', 'all'])('does not bring back what was erased (%s), for as long as it could come', which => {
    const event = signed()
    const handle = handleOf(service.perform(alice, event))
    service.call(alice, 'secret.erase', which === 'one' ? { handle } : { all: true })
    service.clock.time += 899
    put()
    expect(service.perform(alice, event).body).toMatchObject({ code: 'CONFLICT' })
    expect(opened(handle)).toBeUndefined()
  })
})

describe('the room that secrets take', () => {
  it('is bounded, erased ones that could come again included', () => {
    const handles = Array.from({ length: 20 }, () => handleOf(put()))
    expect(put().body).toMatchObject({ code: 'LIMIT_REACHED' })
    for (const handle of handles) service.call(alice, 'secret.erase', { handle })
    expect(put().body).toMatchObject({ code: 'LIMIT_REACHED' })
    service.clock.time += 900
    expect(put().status).toBe('ok')
    expect(service.environment.reader.range(tables.secrets, [alice.publicKey])).toHaveLength(1)
  })

  it('is not for keys without an account', () => {
    expect(put(stranger).body).toMatchObject({ code: 'UNAUTHORIZED' })
    expect(service.environment.reader.range(tables.secretKeys, [])).toEqual([])
  })
})

it.each<[string, object]>([
  ['no wallet', { kind: 'nwc', secret: 'hello' }],
  ['another kind', { kind: 'totp', secret: connection() }],
  ['a relay in the clear', { kind: 'nwc', secret: connection(undefined, 'ws://relay.example') }],
  ['no secret in it', { kind: 'nwc', secret: connection().replace('secret=', 'token=') }],
  ['two secrets', { kind: 'nwc', secret: `${connection()}&secret=${'ab'.repeat(32)}` }],
  ['too long', { kind: 'nwc', secret: `${connection()}&lud16=${'x'.repeat(2_048)}` }],
  ['a long label', { kind: 'nwc', secret: connection(), label: 'x'.repeat(65) }],
])('what is no secret to keep is refused without being repeated: %s', (_case, params) => {
  const refused = decode(service.sign(alice, 22_410, 'secret.put', params), methodIndex(callMethods), service.signer)
  expect(refused).toMatchObject({ code: 'INVALID_PARAMS' })
  expect(JSON.stringify(refused)).not.toContain('ab'.repeat(32))
})

it('what is not encrypted is refused', () => {
  const event = {
    ...service.sign(alice, 22_410, 'secret.put', {}),
    tags: [
      ['p', service.signer.publicKey],
      ['method', 'secret.put'],
    ],
  }
  expect(decode(event, methodIndex(callMethods), service.signer)).toMatchObject({ code: 'ENCRYPTION_REQUIRED' })
})
