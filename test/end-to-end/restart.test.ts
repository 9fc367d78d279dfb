import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it, vi } from 'vitest'
import type { NostrEvent } from '../../relay/event.ts'
import { loadOrCreateKey } from '../../src/service-key.ts'
import { readEntries } from '../../src/store/log.ts'
import { openBeside } from '../../src/store/open-beside.ts'
import { command, type Key, newKey, open, query, readKey, type Twist } from './envelope.ts'
import { dispatchPanda, type PandaProcess, startPanda } from './panda-process.ts'

const directories: string[] = []
const started: PandaProcess[] = []

afterAll(async () => {
  await Promise.all(started.map(panda => panda.stop()))
  for (const directory of directories) rmSync(directory, { recursive: true, force: true })
})

function newDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), 'panda-restart-'))
  directories.push(directory)
  return directory
}

/** Starts on a free port, but with public URLs that stay the same: they are among the settings. */
async function start(directory: string, settings: object = {}, clockOffsetSeconds = 0): Promise<PandaProcess> {
  const config = join(directory, 'panda.json')
  const publicUrls = { http: 'http://panda.test', websocket: 'ws://panda.test' }
  writeFileSync(config, JSON.stringify({ publicUrls, ...settings }))
  const args = ['--data', directory, '--port', '0', '--config', config]
  const panda = await startPanda({ args, clockOffsetSeconds })
  started.push(panda)
  return panda
}

async function send(
  panda: PandaProcess,
  kind: 'command' | 'query',
  key: Key,
  method: string,
  params: object,
  twist: Twist = {},
) {
  const service = panda.servicePublicKey
  const event =
    kind === 'command' ? command(service, key, method, params, twist) : query(service, key, method, params, twist)
  const response = await fetch(`${panda.localUrl}/v1/${kind === 'command' ? 'commands' : 'queries'}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(event),
  })
  const body = await response.json()
  if (response.status !== 200) throw new Error(`${method}: ${JSON.stringify(body)}`)
  return open(body as NostrEvent, service, key)
}

/** The methods of all log entries, in order, without the comparison with the wallet, which comes whenever that has answered. */
async function loggedMethods(directory: string): Promise<string[]> {
  const environment = await openBeside({ directory, mapSizeBytes: 2 ** 36 })
  const methods = readEntries(environment, 1, 1_000).map(entry => {
    const { tags } = JSON.parse(entry.event.toString('utf8')) as NostrEvent
    return tags.find(tag => tag[0] === 'method')?.[1] ?? ''
  })
  await environment.close()
  return methods.filter(method => method !== 'wallet.reconciled')
}

async function readiness(
  panda: PandaProcess,
): Promise<{ status: number; clock: { ok: boolean; detail: string } | undefined }> {
  const response = await fetch(`${panda.localUrl}/readyz`)
  const { checks } = (await response.json()) as { checks: { name: string; ok: boolean; detail: string }[] }
  return { status: response.status, clock: checks.find(check => check.name === 'clock') }
}

describe.concurrent('a restart', () => {
  it('applies changed settings as one fact, and leaves what an operator has set by command', async () => {
    const directory = newDirectory()
    const customer = newKey()
    const quote = async (panda: PandaProcess, name: string) =>
      (await send(panda, 'query', customer, 'identifier.quote', { identifier: `${name}@localhost` })).body
    const first = await start(directory)
    expect(await quote(first, 'vip')).toMatchObject({ status: 'available', totalMsat: 1_300_000 })
    const operator = readKey(join(directory, 'operator.key'))
    const policy = { domain: 'localhost', basePriceMsat: 5_000_000 }
    expect((await send(first, 'command', operator, 'domain.set_policy', policy)).status).toBe('ok')
    expect(await first.stop()).toBe(0)
    expect(await loggedMethods(directory)).toEqual(['config.applied', 'domain.set_policy'])

    const changed = { identifiers: { reserved: ['vip'] } }
    const second = await start(directory, changed)
    expect(await quote(second, 'vip')).toMatchObject({ status: 'reserved' })
    expect(await quote(second, 'bob')).toMatchObject({ status: 'available', totalMsat: 5_300_000 })
    expect(await second.stop()).toBe(0)
    expect(await loggedMethods(directory)).toEqual(['config.applied', 'domain.set_policy', 'config.applied'])
  }, 30_000)

  it('after a jump of the clock lets nothing expire until an operator confirms', async () => {
    const directory = newDirectory()
    const customer = newKey()
    const settings = { orders: { invoiceExpirySeconds: 60, holdSlackSeconds: 0 } }
    const quote = async (panda: PandaProcess) =>
      (await send(panda, 'query', customer, 'identifier.quote', { identifier: 'held@localhost' })).body.status

    // Two hours ago by its clock, a service holds a name for an invoice of a minute.
    const slow = await start(directory, settings, -7_200)
    const register = { identifier: 'held@localhost' }
    const ordered = await send(slow, 'command', customer, 'identifier.register', register, { ageSeconds: 7_200 })
    expect(ordered.status).toBe('payment-required')
    expect(await readiness(slow)).toEqual({ status: 200, clock: { name: 'clock', ok: true, detail: 'running' } })
    expect(await slow.stop()).toBe(0)
    const methods = await loggedMethods(directory)

    // With the same settings, of which nothing new is logged.
    const panda = await start(directory, settings)
    const { status, clock } = await readiness(panda)
    expect(status).toBe(503)
    expect(clock).toMatchObject({ ok: false, detail: expect.stringMatching(/^jumped by 7\d{3} s; nothing expires/) })
    expect(panda.log()).toContain('"event":"clock.jump"')
    expect(await quote(panda)).toBe('held')
    expect(await loggedMethods(directory)).toEqual(methods)

    const confirmed = await dispatchPanda(['clock', 'confirm', '--data', directory])
    expect(confirmed).toEqual({ exitCode: 0, out: 'Confirmed: time goes on.', err: '' })
    await vi.waitFor(async () => expect(await quote(panda)).toBe('available'), { timeout: 5_000, interval: 100 })
    expect(await readiness(panda)).toMatchObject({ status: 200, clock: { ok: true } })
    expect((await loggedMethods(directory)).slice(methods.length)).toContain('clock.advance')
  }, 30_000)
})

describe.concurrent('a start that cannot be', () => {
  it('is refused in one line while another process has the directory or the port', async () => {
    const directory = newDirectory()
    const panda = await start(directory)
    const { port } = new URL(panda.localUrl)
    expect(await dispatchPanda(['start', '--data', directory, '--port', '0'])).toEqual({
      exitCode: 1,
      out: '',
      err: `panda: cannot start: another process is using the data directory ${directory}`,
    })
    const samePort = await dispatchPanda(['start', '--data', newDirectory(), '--port', port])
    expect(samePort).toMatchObject({ exitCode: 1, out: '' })
    expect(samePort.err).toMatch(
      /^panda: cannot start: the port is in use by another process; choose one with --port \(.*\)$/,
    )
    expect(samePort.err).toContain(`:${port}`)
    expect(await readiness(panda)).toMatchObject({ status: 200 })
  }, 30_000)

  it('is refused when others can read the service key, and nothing of the key is said', async () => {
    const directory = newDirectory()
    const file = join(directory, 'service.key')
    loadOrCreateKey(file)
    chmodSync(file, 0o640)
    const { exitCode, out, err } = await dispatchPanda(['start', '--data', directory, '--port', '0'])
    expect([exitCode, out, err]).toEqual([1, '', `panda: cannot start: ${file} can be read by others: chmod 600 it`])
    expect(err).not.toContain(readFileSync(file, 'utf8').trim())
  }, 30_000)
})
