import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { finalizeEvent, generateSecretKey, getPublicKey, nip44 } from 'nostr-tools'
import { afterAll, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import type { NostrEvent } from '../../../relay/event.ts'
import { dispatch } from '../../../src/cli/dispatch.ts'

/** What the service under the client's feet does with a posted event; it speaks with nostr-tools. */
type Answer = { status: number; body: unknown }
type Respond = (event: NostrEvent, path: string) => Answer

const directory = mkdtempSync(join(tmpdir(), 'panda-send-'))
const secretKey = generateSecretKey()
const service = getPublicKey(secretKey)
let server: Server
let url: string
let respond: Respond
let document: unknown
const posted: { path: string; event: NostrEvent }[] = []

beforeAll(async () => {
  server = createServer(async (request, response) => {
    if (request.method === 'GET') {
      const wantsDocument = request.headers.accept === 'application/nostr+json'
      response.end(wantsDocument ? JSON.stringify(document) : 'A Panda name service')
      return
    }
    const body = Buffer.concat(await request.toArray()).toString()
    const [path, event] = [request.url ?? '', JSON.parse(body) as NostrEvent]
    posted.push({ path, event })
    const answer = respond(event, path)
    response.writeHead(answer.status, { 'content-type': 'application/json' }).end(JSON.stringify(answer.body))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
})
afterAll(() => {
  server.close()
  server.closeAllConnections()
  rmSync(directory, { recursive: true })
})
beforeEach(() => {
  posted.length = 0
  document = { self: service }
  respond = event => ({ status: 200, body: reply(event, 'ok', { fine: true }) })
})

let directories = 0
async function send(args: string[], data = join(directory, `${directories++}`)) {
  const [out, err]: [string[], string[]] = [[], []]
  const line = { env: {}, print: (text: string) => out.push(text), complain: (text: string) => err.push(text) }
  const exitCode = await dispatch(['send', ...args, '--url', url, '--data', data], line)
  return { exitCode, out: out.join('\n'), err: err.join('\n'), keyFile: join(data, 'customer.key') }
}

function conversation(event: NostrEvent, key = secretKey): Uint8Array {
  return nip44.v2.utils.getConversationKey(key, event.pubkey)
}

/** A result or answer as the service signs it, with one thing changed. */
function reply(
  event: NostrEvent,
  status: string,
  body: object,
  twist: { key?: Uint8Array; e?: string; kind?: number } = {},
) {
  const { key = secretKey, e = event.id, kind = event.kind + 1 } = twist
  const tags = [
    ['e', e],
    ['p', event.pubkey],
    ['status', status],
    ['encryption', 'nip44_v2'],
  ]
  const content = nip44.v2.encrypt(JSON.stringify(body), conversation(event, key))
  return finalizeEvent({ kind, created_at: event.created_at, tags, content }, key)
}

const register = ['identifier.register', '{"identifier": "alice@localhost"}']

describe('panda send', () => {
  it('signs a command, encrypts it to the service, and prints what it says', async () => {
    respond = event => ({ status: 200, body: reply(event, 'payment-required', { invoice: { bolt11: 'lnbcrt1' } }) })
    const { exitCode, out } = await send(register)
    expect([exitCode, JSON.parse(out)]).toEqual([0, { invoice: { bolt11: 'lnbcrt1' } }])
    const [{ path, event } = { path: '', event: {} as NostrEvent }, ...more] = posted
    expect(more).toEqual([])
    expect(path).toMatch(/^\/v1\/commands/)
    expect([event.kind, event.tags]).toEqual([
      2410,
      [
        ['p', service],
        ['method', 'identifier.register'],
        ['encryption', 'nip44_v2'],
      ],
    ])
    expect(nip44.v2.decrypt(event.content, conversation(event))).toBe('{"identifier":"alice@localhost"}')
  })

  it('asks a query, without params too, and reads an answer that is public', async () => {
    respond = event => {
      const tags = [
        ['e', event.id],
        ['status', 'ok'],
      ]
      const { kind, created_at } = { ...event, kind: 22_411 }
      return { status: 200, body: finalizeEvent({ kind, created_at, tags, content: '{"identifiers":[]}' }, secretKey) }
    }
    const { exitCode, out } = await send(['identifier.list'])
    expect([exitCode, JSON.parse(out)]).toEqual([0, { identifiers: [] }])
    expect(posted.map(({ path, event }) => [path, event.kind])).toEqual([['/v1/queries', 22_410]])
  })

  it('makes a key of mode 600, says so without telling it, and uses it again', async () => {
    const first = await send(register)
    const key = readFileSync(first.keyFile, 'utf8').trim()
    expect(statSync(first.keyFile).mode & 0o777).toBe(0o600)
    expect(first.err).toContain(first.keyFile)
    const again = await send(register, join(first.keyFile, '..'))
    expect(again.err).toBe('')
    expect(first.out + first.err + again.out).not.toContain(key)
    const publicKey = getPublicKey(Buffer.from(key, 'hex'))
    expect(posted.map(({ event }) => event.pubkey)).toEqual([publicKey, publicKey])
  })

  it('signs with the key file that it is given', async () => {
    const file = join(directory, 'operator.key')
    const key = generateSecretKey()
    writeFileSync(file, `${Buffer.from(key).toString('hex')}\n`, { mode: 0o600 })
    const { exitCode, keyFile } = await send([...register, '--key', file])
    expect([exitCode, posted[0]?.event.pubkey]).toEqual([0, getPublicKey(key)])
    expect(existsSync(keyFile)).toBe(false)
  })

  it('takes params from a file, where nobody else sees them', async () => {
    const file = join(directory, 'params.json')
    writeFileSync(file, '{"identifier": "bob@localhost"}\n')
    await send(['identifier.register', `@${file}`])
    const [{ event } = { event: {} as NostrEvent }] = posted
    expect(nip44.v2.decrypt(event.content, conversation(event))).toBe('{"identifier":"bob@localhost"}')
  })

  it('sends a command that is pending again, until its result is there', async () => {
    respond = event => {
      const { id: commandId } = event
      if (posted.length < 3) return { status: 202, body: { commandId } }
      return { status: 200, body: reply(event, 'ok', { done: true }) }
    }
    const { exitCode, out } = await send(register)
    expect([exitCode, JSON.parse(out)]).toEqual([0, { done: true }])
    expect(new Set(posted.map(({ event }) => event.id)).size).toBe(1)
  })

  it('gives up on a command that is pending for a minute, and names it', async () => {
    vi.useFakeTimers({ toFake: ['Date'] })
    try {
      respond = ({ id: commandId }) => {
        vi.setSystemTime(Date.now() + 31_000)
        return { status: 202, body: { commandId } }
      }
      const { exitCode, out, err } = await send(register)
      expect([exitCode, out, posted.length]).toEqual([1, '', 2])
      expect(err).toContain(`no result yet; the command is ${posted[0]?.event.id}`)
    } finally {
      vi.useRealTimers()
    }
  })

  it('writes two equal commands as two', async () => {
    const { keyFile } = await send(register)
    await send(register, join(keyFile, '..'))
    expect(new Set(posted.map(({ event }) => event.content)).size).toBe(2)
  })

  it('lets nothing that a service says steer the terminal', async () => {
    const turning = '\u001b[2J\u009b2J\u202e\u2066\u2028\u{e0001}'
    respond = event => ({ status: 200, body: reply(event, 'ok', { text: turning }) })
    const { out } = await send(register)
    expect(out).not.toMatch(/[^\P{Cc}\n]|[\p{Cf}\p{Zl}\p{Zp}]/u)
    expect(JSON.parse(out)).toEqual({ text: turning })
    respond = () => ({ status: 400, body: { error: { code: 'X', message: 'a\u001b[2J\nb\u202e' } } })
    expect((await send(register)).err).toMatch(/X: a \[2J b $/)
  })

  it.each<[string, Respond, RegExp]>([
    [
      'a signed error',
      event => ({
        status: 200,
        body: reply(event, 'error', { code: 'CONFLICT', message: 'changed', details: { version: 2 } }),
      }),
      /CONFLICT: changed \{"version":2\}$/,
    ],
    [
      'a refusal',
      () => ({ status: 400, body: { error: { code: 'INVALID_PARAMS', message: 'params.years: no' } } }),
      /INVALID_PARAMS: params\.years: no$/,
    ],
    ['more than any answer has', () => ({ status: 200, body: 'x'.repeat(1_100_000) }), /too-large/],
    ['an error of a proxy', () => ({ status: 502, body: { whatever: 1 } }), /HTTP 502$/],
    ['no event', () => ({ status: 200, body: {} }), /no event/],
    [
      'a status of its own',
      event => ({ status: 200, body: reply(event, 'fabulous', { code: 'A', message: 'b' }) }),
      /A: b$/,
    ],
    [
      'the answer of somebody else',
      event => ({ status: 200, body: reply(event, 'ok', {}, { key: generateSecretKey() }) }),
      /not signed by the service/,
    ],
    [
      'an altered answer',
      event => ({ status: 200, body: { ...JSON.parse(JSON.stringify(reply(event, 'ok', {}))), created_at: 1 } }),
      /not signed by the service/,
    ],
    [
      'a forged signature',
      event => ({
        status: 200,
        body: { ...JSON.parse(JSON.stringify(reply(event, 'ok', {}))), sig: '0'.repeat(128) },
      }),
      /not signed by the service/,
    ],
    [
      'the answer to another command',
      event => ({ status: 200, body: reply(event, 'ok', {}, { e: '0'.repeat(64) }) }),
      /something else/,
    ],
    ['a notice', event => ({ status: 200, body: reply(event, 'ok', {}, { kind: 2412 }) }), /something else/],
    [
      'what nobody can read',
      event => ({
        status: 200,
        body: reply({ ...event, pubkey: getPublicKey(generateSecretKey()) }, 'ok', {}),
      }),
      /cannot be decrypted/,
    ],
  ])('fails on %s', async (_, answer, complaint) => {
    respond = answer
    const { exitCode, out, err } = await send(register)
    expect([exitCode, out]).toEqual([1, ''])
    expect(err).toMatch(complaint)
  })

  it.each<[string, unknown]>([
    ['names no key', { name: 'some relay' }],
    ['names half a key', { pubkey: 'abcd' }],
    ['says nothing', null],
  ])('makes no key and sends nothing where the service %s', async (_, said) => {
    document = said
    const { exitCode, err, keyFile } = await send(register)
    expect([exitCode, posted, existsSync(keyFile)]).toEqual([1, [], false])
    expect(err).toContain('is it a Panda service?')
  })

  it('says where nothing answers', async () => {
    const gone = createServer()
    await new Promise<void>(resolve => gone.listen(0, '127.0.0.1', resolve))
    const { port } = gone.address() as AddressInfo
    await new Promise(resolve => gone.close(resolve))
    const complaints: string[] = []
    const line = { env: {}, print: () => {}, complain: (text: string) => void complaints.push(text) }
    const exitCode = await dispatch(['send', ...register, '--url', `http://127.0.0.1:${port}`], line)
    expect([exitCode, complaints]).toEqual([1, [expect.stringMatching(`:${port} cannot be asked: nothing answers`)]])
  })

  it('uses no key file that others can read', async () => {
    const file = join(directory, 'open.key')
    writeFileSync(file, '1'.repeat(64), { mode: 0o644 })
    const { exitCode, err } = await send([...register, '--key', file])
    expect([exitCode, posted]).toEqual([1, []])
    expect(err).toContain('chmod 600')
    expect(err).not.toContain('1'.repeat(64))
  })

  it.each<[string[], RegExp]>([
    [[], /panda send METHOD/],
    [['identifier.get', '{}', '{}'], /panda send METHOD/],
    [['identifier.get', '--secret', 'x'], /panda send METHOD/],
    [['identifier.get', '--key', ''], /--key needs a value/],
    [['identifier.gte'], /no method "identifier\.gte"/],
    [['invoice.settled'], /no method "invoice\.settled"/],
    [['identifier.get', '{hunter2'], /^panda: the params are not JSON$/],
    [['identifier.get', '@/nowhere/params.json'], /no such file/],
    [['ticket.open', JSON.stringify('x'.repeat(65_534))], /65535 bytes/],
    [['identifier.get', '--url', 'ftp://a.example'], /--url takes/],
  ])('refuses to be asked the wrong way: %o', async (args, complaint) => {
    const [out, err]: [string[], string[]] = [[], []]
    const line = { env: {}, print: (text: string) => out.push(text), complain: (text: string) => err.push(text) }
    const exitCode = await dispatch(['send', '--url', url, '--data', directory, ...args], line)
    expect([exitCode, out, posted]).toEqual([2, [], []])
    expect(err.join('\n')).toMatch(complaint)
  })
})
