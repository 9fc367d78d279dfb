import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { NostrEvent } from '../../relay/event.ts'
import { attacks } from './attacks.ts'
import type { Client } from './client.ts'
import { command, open } from './envelope.ts'
import { dispatchPanda } from './panda-process.ts'
import type { Refused } from './refused.ts'
import { commands } from './refused-commands.ts'
import { events, ofTheService, ordinaryEvents } from './refused-events.ts'
import { malformed } from './refused-params.ts'
import { refusals } from './refused-with-result.ts'
import { createWorld, type World } from './world.ts'

let world: World
let hostile: Client

beforeAll(async () => {
  world = await createWorld()
  hostile = await world.connect()
}, 30_000)

afterAll(() => world?.close())

/** Whatever came before: nothing was logged, the honest customer is served, the process lives. */
async function expectUnharmed(logLength: number): Promise<void> {
  expect(world.logLength()).toBe(logLength)
  expect(world.honest.isOpen()).toBe(true)
  expect((await world.askHonestly()).body).toMatchObject({ owner: world.alice.publicKey, status: 'active' })
  expect(world.panda.isAlive()).toBe(true)
}

const statusOfPrefix: Record<string, number> = { invalid: 400, blocked: 403, restricted: 403 }

describe.each<[string, readonly Refused[]]>([
  ['as an event', events],
  ['as a command', commands],
  ['for its params', malformed],
  ['as an ordinary event', ordinaryEvents],
  ['as signed by the service from outside', ofTheService],
])('refused %s before anything is written', (_, rows) => {
  it.each(rows)('$name', async ({ event, message, overHttp }) => {
    const before = world.logLength()
    const matching = typeof message === 'string' ? message : expect.stringMatching(message)
    expect(await hostile.publish(event(world))).toEqual({ accepted: false, message: matching })

    const sent = event(world)
    const { status, body } = await world.post(
      sent.kind === 22_410 ? '/v1/queries' : '/v1/commands',
      JSON.stringify(sent),
    )
    if (overHttp === false || typeof sent.kind !== 'number') {
      expect([status, body]).toEqual([
        400,
        { error: { code: 'INVALID_PARAMS', message: expect.stringMatching(/has kind/) } },
      ])
    } else {
      const { error } = body as { error: { code: string; message: string } }
      const prefix = (typeof message === 'string' ? message : message.source.replace(/^\^/, '')).split(':')[0] ?? ''
      expect(status).toBe(statusOfPrefix[prefix] ?? 400)
      expect([`${prefix}: ${error.message}`, `${prefix}: ${error.code}: ${error.message}`]).toContainEqual(matching)
    }
    await expectUnharmed(before)
  })
})

describe('refused with one signed result', () => {
  beforeAll(async () => {
    await world.run(world.alice, 'identifier.set_records', {
      identifier: 'alice@free.test',
      records: [{ type: 'CNAME', value: 'second@free.test' }],
    })
  })

  it.each(refusals)('$name', async ({ who, method, params, code, message }) => {
    const before = world.logLength()
    const key = who(world)
    const error = { status: 'error', body: { code, message: expect.stringMatching(message) } }
    const sent = command(world.service, key, method, params)
    expect(await hostile.publish(sent)).toEqual({ accepted: true, message: '' })
    expect(await world.resultOf(sent, key)).toMatchObject(error)

    const { status, body } = await world.post(
      '/v1/commands',
      JSON.stringify(command(world.service, key, method, params)),
    )
    expect(status).toBe(200)
    expect(open(body as NostrEvent, world.service, key)).toMatchObject(error)
    await expectUnharmed(before)
  })
})

describe('what is no event at all', () => {
  let client: Client
  beforeEach(async () => {
    client = await world.connect()
  })
  const notice = () => client.take('NOTICE', ([verb, text]) => (verb === 'NOTICE' ? String(text) : undefined))

  it.each<[string, string | Buffer]>([
    ['no JSON', '{'],
    ['no list', '{"EVENT":{}}'],
    ['a number', '7'],
    ['an empty list', '[]'],
    ['an unknown verb', '["HELLO"]'],
    ['a verb of Object.prototype', '["constructor"]'],
    ['an EVENT without event', '["EVENT"]'],
    ['an EVENT of nothing', '["EVENT",null]'],
    ['an EVENT with half an id', '["EVENT",{"id":"abcd"}]'],
    ['a REQ without id', '["REQ"]'],
    ['a REQ with an endless id', JSON.stringify(['REQ', 'x'.repeat(65), {}])],
    ['JSON in a binary frame', Buffer.from('["REQ","a",{}]')],
    ['brackets without end', '['.repeat(100_000)],
  ])('%s on the websocket gets a NOTICE', async (_, frame) => {
    const before = world.logLength()
    client.raw(frame)
    expect(await notice()).toMatch(/^invalid: /)
    expect(client.isOpen()).toBe(true)
    await expectUnharmed(before)
  })

  it.each<[string, string, RegExp]>([
    ['no filter', '["REQ","a"]', /^invalid: a REQ has 1 to 20 filters/],
    ['a filter with unknown fields', '["REQ","a",{"owner":"x"}]', /^unsupported: /],
    ['a filter with a bad id', '["REQ","a",{"ids":["abc"]}]', /^invalid: /],
    ['restricted kinds, not signed in', '["REQ","a",{"kinds":[2410]}]', /^auth-required: /],
    ['a count of the same', '["COUNT","a",{"kinds":[2411]}]', /^auth-required: /],
  ])('a request with %s is CLOSED', async (_, frame, reason) => {
    client.raw(frame)
    expect(await client.take('CLOSED', ([verb, , text]) => (verb === 'CLOSED' ? String(text) : undefined))).toMatch(
      reason,
    )
    expect(client.isOpen()).toBe(true)
  })

  it('oversize messages end their own connection only (1009)', async () => {
    const before = world.logLength()
    client.raw(`["EVENT",{"content":"${'x'.repeat(131_072)}"}]`)
    expect(await client.closeCode()).toBe(1009)
    await expectUnharmed(before)
  })

  it('text that is no UTF-8 ends its own connection only (1007)', async () => {
    const before = world.logLength()
    client.raw(Buffer.from([0xff, 0xfe]), 'text')
    expect(await client.closeCode()).toBe(1007)
    await expectUnharmed(before)
  })

  it('nonsense without end ends its own connection only (1008)', async () => {
    const before = world.logLength()
    for (let index = 0; index < 60; index++) client.raw('nonsense')
    expect(await client.closeCode()).toBe(1008)
    await expectUnharmed(before)
  })

  it.each<[string, string, string, string | undefined, number, string]>([
    ['no JSON', '/v1/commands', '{', undefined, 400, 'INVALID_REQUEST'],
    ['null', '/v1/commands', 'null', undefined, 400, 'INVALID_PARAMS'],
    ['an empty object', '/v1/commands', '{}', undefined, 400, 'INVALID_PARAMS'],
    ['a kind without event', '/v1/commands', '{"kind":2410,"id":7}', undefined, 400, 'INVALID_EVENT'],
    ['a command as a query', '/v1/queries', '{"kind":2410,"id":"a"}', undefined, 400, 'INVALID_PARAMS'],
    ['a web form', '/v1/commands', 'a=b', 'application/x-www-form-urlencoded', 415, 'UNSUPPORTED_MEDIA_TYPE'],
    ['an oversize body', '/v1/commands', `"${'x'.repeat(131_072)}"`, undefined, 413, 'TOO_LARGE'],
    ['an absurd wait', '/v1/commands?wait=31', '{}', undefined, 400, 'INVALID_REQUEST'],
  ])('%s over HTTP gets an error', async (_, path, body, contentType, status, code) => {
    const before = world.logLength()
    expect(await world.post(path, body, contentType)).toMatchObject({ status, body: { error: { code } } })
    await expectUnharmed(before)
  })
})

describe('done to the service', () => {
  it.each(attacks.map(attack => [attack.name, attack] as const))('%s', async (_, { run, grows }) => {
    const before = world.logLength()
    await run(world, await world.connect())
    await expectUnharmed(before + grows)
  })
})

it('leaves a log that gives the tables, and nothing to complain of', async () => {
  const { exitCode, out } = await dispatchPanda(['verify', '--data', world.directory])
  expect([exitCode, out]).toEqual([0, expect.stringContaining(`verified: ${world.logLength()} log entries`)])
  expect(world.panda.log()).toBe('')
})
