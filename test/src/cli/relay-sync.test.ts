import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type EventTemplate, eventId, type NostrEvent } from '../../../relay/event.ts'
import { dispatch } from '../../../src/cli/dispatch.ts'
import { loadConfig } from '../../../src/config.ts'
import { startPanda } from '../../../src/main.ts'
import { kinds } from '../../../src/protocol/kinds.ts'
import { loadOrCreateKey } from '../../../src/service-key.ts'
import { anySecp256k1, author } from '../../relay/authors.ts'
import { type Served, serveRelay } from '../../relay/serve-relay.ts'
import { serveScript } from '../../relay/sync/scripted-remote.ts'
import { idsIn, store } from '../../relay/sync/sync-relays.ts'
import { makeNewData } from './new-data.ts'

const now = Math.floor(Date.now() / 1_000)
const [alice, bob] = [author(1), author(2)]

let remote: Served
let directory: string
let data: string
const closing: (() => Promise<void>)[] = []
beforeEach(async () => {
  remote = await serveRelay({ limits: { eventsBurst: 1_000_000 } })
  remote.time = now
  directory = mkdtempSync(join(tmpdir(), 'panda-sync-'))
  data = join(directory, 'data')
  mkdirSync(data)
  await makeNewData(data)
})
afterEach(async () => {
  for (const close of closing.splice(0)) await close()
  await remote.close()
  rmSync(directory, { recursive: true, force: true })
})

async function panda(...args: string[]) {
  const [out, err]: [string[], string[]] = [[], []]
  const exitCode = await dispatch(args, {
    env: {},
    print: line => void out.push(line),
    complain: line => void err.push(line),
  })
  return { exitCode, out: out.join('\n'), err: err.join('\n') }
}
const sync = (...args: string[]) => panda('relay', 'sync', ...args)

/** Starts the service on the data directory, as `panda start` does. */
async function serve(settings: object = {}): Promise<void> {
  const file = join(directory, 'panda.json')
  writeFileSync(file, JSON.stringify({ data, ...settings }))
  const loaded = loadConfig({ file, env: {}, flags: { port: '0' } })
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  const service = await startPanda(loaded.config, { log: pino({ level: 'silent' }) })
  closing.push(service.close)
}

/** An event signed with the key of the service that the data directory is of. */
function ofService(template: Partial<EventTemplate>): NostrEvent {
  const secp = anySecp256k1()
  const { secretKey } = loadOrCreateKey(join(data, 'service.key'))
  const pubkey = Buffer.from(secp.publicKey(secretKey)).toString('hex')
  const unsigned = { kind: 1, created_at: now, tags: [], content: '', ...template, pubkey }
  const id = eventId(unsigned)
  return { ...unsigned, id, sig: Buffer.from(secp.sign(Buffer.from(id, 'hex'), secretKey)).toString('hex') }
}

const notes = Array.from({ length: 30 }, (_, index) => alice.sign({ content: `${index}`, created_at: now - index * 9 }))

describe('panda relay sync', () => {
  it.each([
    [[], /the command is/],
    [['ws://a.example/', 'ws://b.example/'], /the command is/],
    [['ws://a.example/', '--fast'], /the command is/],
    [['https://a.example/'], /begins with ws/],
    [['a.example'], /begins with ws/],
    [['ws://a.example/', '--dir', 'left'], /up, down or both/],
    [['ws://a.example/', '--filter', '[]'], /JSON object/],
    [['ws://a.example/', '--filter', '{'], /JSON object/],
    [['ws://a.example/', '--filter', '{"limit":5}'], /neither limit nor search/],
    [['ws://a.example/', '--filter', '{"kind":1}'], /the filter cannot be used: kind: /],
  ])('refuses to be asked the wrong way: %o', async (args, complaint) => {
    const { exitCode, err } = await sync(...args, '--data', data)
    expect(exitCode).toBe(2)
    expect(err).toMatch(complaint)
  })

  it.each(['offline', 'beside the running service'])('works %s', async how => {
    if (how !== 'offline') await serve({ relay: { policy: 'open' } })
    await store(remote, notes)
    const down = await sync(remote.url, '--dir', 'down', '--data', data)
    expect(down.exitCode).toBe(0)
    expect(down.out).toMatch(/ 30 received, 0 sent, 0 here already, 0 skipped/)
    await remote.close()
    remote = await serveRelay({ limits: { eventsBurst: 1_000_000 } })
    remote.time = now
    const up = await sync(remote.url, '--filter', JSON.stringify({ authors: [alice.pubkey] }), '--data', data)
    expect(up.exitCode).toBe(0)
    expect(up.out).toMatch(/ 0 received, 30 sent/)
    expect(idsIn(remote)).toEqual(notes.map(({ id }) => id).sort())
  })

  it.each(['offline', 'beside the running service'])('executes nothing and leaves the log alone, %s', async how => {
    if (how !== 'offline') await serve({ relay: { policy: 'open' } })
    const service = ofService({}).pubkey
    const command = bob.sign({
      kind: kinds.command,
      created_at: now,
      content: JSON.stringify({ name: 'bob', domain: 'example.com' }),
      tags: [
        ['p', service],
        ['method', 'identifiers.register'],
      ],
    })
    const forged = ofService({ kind: kinds.name, tags: [['d', 'bob@example.com']] })
    await store(remote, [...notes, command, forged])
    const before = await panda('verify', '--data', data)
    const { exitCode, out } = await sync(remote.url, '--dir', 'down', '--data', data)
    expect(exitCode).toBe(0)
    expect(out).toMatch(/ 30 received, .* 2 skipped/)
    expect(out).toMatch(/1 {2}not received: blocked: commands and queries are not imported/)
    expect(out).toMatch(/1 {2}not received: blocked: events of the service itself/)
    const after = await panda('verify', '--data', data)
    expect(after).toEqual({ ...before, exitCode: 0 })
  })

  it('says what it could not do', async () => {
    await store(remote, [alice.sign({ content: 'mine', created_at: now, tags: [['-']] })])
    const { out } = await sync(remote.url, '--data', data)
    expect(out).toMatch(/1 {2}not received: auth-required: a protected event/)
    const gone = await sync('ws://127.0.0.1:1/', '--filter', '{"kinds":[1]}', '--data', data)
    expect(gone.exitCode).toBe(1)
    expect(gone.out).toMatch(/Not to the end: the connection: .*ECONNREFUSED/)
  })

  it.each(['both', 'up', 'down'])('says that the other side does not know NIP-77 when asked to go %s', async way => {
    const script = await serveScript(([verb, id], answer) => {
      if (verb === 'NEG-OPEN') answer('NOTICE', 'ERROR: bad msg: unknown command')
      if (verb === 'REQ') answer('EOSE', id)
    })
    closing.push(script.close)
    const { exitCode, out } = await sync(script.url, '--dir', way, '--data', data)
    expect(out).toMatch(/does not know NIP-77/)
    expect(out).toContain(' 0 skipped')
    expect(exitCode).toBe(way === 'down' ? 0 : 1)
    expect(out.includes('Nothing was sent')).toBe(way === 'both')
  })

  it('asks the policies, also offline, and needs the service for a policy program', async () => {
    await store(remote, [...notes, bob.sign({ created_at: now })])
    const config = join(directory, 'panda.json')
    writeFileSync(
      config,
      JSON.stringify({ data, relay: { policies: [{ type: 'deny-authors', authors: [bob.pubkey] }] } }),
    )
    const loaded = loadConfig({ file: config, env: {}, flags: {} })
    expect(loaded).toMatchObject({ ok: true })
    const { out } = await sync(remote.url, '--dir', 'down', '--config', config)
    expect(out).toMatch(/ 30 received, .* 1 skipped/)
    writeFileSync(config, JSON.stringify({ data, relay: { program: { command: ['/bin/cat'] } } }))
    const { exitCode, err } = await sync(remote.url, '--config', config)
    expect(exitCode).toBe(1)
    expect(err).toMatch(/relay.program has a word/)
  })
})
