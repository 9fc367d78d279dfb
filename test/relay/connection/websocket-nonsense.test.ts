import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { author } from '../authors.ts'
import { type Served, serveRelay } from '../serve-relay.ts'

const alice = author(1)
let served: Served
beforeAll(async () => {
  served = await serveRelay({ limits: { connectionsPerIp: 1_000 } })
})
afterAll(() => served.close())

const deep = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`
const event = JSON.stringify(alice.sign())
const altered = (from: string, to: string) => `["EVENT",${event.replace(from, to)}]`

describe('what is not understood', () => {
  it.each<[string | Buffer]>([
    ['no JSON'],
    [''],
    ['{}'],
    ['null'],
    ['"EVENT"'],
    ['[]'],
    ['["NONSENSE"]'],
    ['["event",{}]'],
    ['[["EVENT"]]'],
    ['["EVENT"]'],
    ['["EVENT",null]'],
    ['["EVENT",[]]'],
    ['["EVENT",{"id":1}]'],
    ['["REQ"]'],
    ['["REQ",{}]'],
    ['["AUTH"]'],
    ['[null]'],
    ['[{"__proto__":1}]'],
    ['[1e999]'],
    ['["constructor"]'],
    ['["__proto__"]'],
    ['["EVENT",{"__proto__":{"id":"x"}}]'],
    ['['.repeat(60_000)],
    [deep(30_000)],
    [Buffer.from('["REQ","x",{}]')],
  ])('is answered by a NOTICE: %.30s', async message => {
    const client = await served.connect()
    client.socket.send(message)
    expect(await client.next()).toEqual(['NOTICE', expect.stringMatching(/^invalid: /)])
    expect(await client.query({})).toEqual([])
  })

  it.each([
    ['a huge number', altered('"created_at":1790000000', '"created_at":1e999'), 'OK'],
    ['a number with a fraction', altered('"created_at":1790000000', '"created_at":1.79e-3'), 'OK'],
    ['a large kind', altered('"kind":1', '"kind":1e300'), 'OK'],
    ['minus nothing', altered('"kind":1', '"kind":-0'), 'OK'],
    ['deep tags', altered('"tags":[]', `"tags":${deep(20_000)}`), 'OK'],
    ['tags with a prototype', altered('"tags":[]', '"tags":[{"__proto__":["a"],"length":1}]'), 'OK'],
    ['a lone surrogate', altered('"content":""', '"content":"\\ud800"'), 'OK'],
    ['a lone surrogate in a tag', altered('"tags":[]', '"tags":[["t","\\udfff"]]'), 'OK'],
    ['two contents, the last not signed', altered('"content":""', '"content":"","content":"x"'), 'OK'],
    ['a filter with a prototype', '["REQ","x",{"__proto__":{"kinds":[1]}}]', 'CLOSED'],
    ['a filter with a constructor', '["REQ","x",{"constructor":1}]', 'CLOSED'],
    ['a deep filter', `["REQ","x",{"ids":${deep(20_000)}}]`, 'CLOSED'],
    ['a huge limit', '["REQ","x",{"limit":1e999}]', 'CLOSED'],
    ['a filter of many fields', `["REQ","x",{${Array.from({ length: 5_000 }, (_, i) => `"#${i}":[]`)}}]`, 'CLOSED'],
  ])('is refused and nothing is kept: %s', async (_case, message, verb) => {
    const client = await served.connect()
    client.socket.send(message)
    const answer = await client.next()
    expect(answer[0]).toBe(verb)
    expect(verb === 'OK' ? answer[2] : false).toBe(false)
    expect(await client.query({})).toEqual([])
  })

  it('does not change what objects inherit', () => {
    expect(Object.keys(Object.prototype)).toEqual([])
    expect(({} as { kinds?: unknown }).kinds).toBeUndefined()
  })
})
