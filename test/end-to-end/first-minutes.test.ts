import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { callControl, controlSocketPath } from '../../src/cli/control-socket.ts'
import { dispatchPanda, type PandaProcess, startPanda } from './panda-process.ts'

const directory = mkdtempSync(join(tmpdir(), 'panda-first-'))
afterAll(() => rmSync(directory, { recursive: true, force: true }))

describe('a stranger with the command line alone', () => {
  const data = join(directory, 'data')
  let panda: PandaProcess
  beforeAll(async () => {
    panda = await startPanda({ args: ['--data', data, '--port', '0'] })
  }, 30_000)
  afterAll(() => panda?.stop())

  const send = (...args: string[]) => dispatchPanda(['send', ...args, '--url', panda.localUrl, '--data', data])

  it('buys a name, pays for it and finds it', async () => {
    const ordered = await send('identifier.register', '{"identifier":"alice@localhost","years":1}')
    expect(ordered.exitCode).toBe(0)
    const { invoice } = JSON.parse(ordered.out) as { invoice: { bolt11: string } }
    expect(await dispatchPanda(['dev', 'pay', invoice.bolt11, '--data', data])).toMatchObject({ exitCode: 0 })
    await expect
      .poll(async () => (await send('identifier.get', '{"identifier":"alice@localhost"}')).exitCode, { timeout: 5_000 })
      .toBe(0)
    const { owner } = JSON.parse((await send('identifier.get', '{"identifier":"alice@localhost"}')).out)
    const found = await fetch(`${panda.localUrl}/.well-known/nostr.json?name=alice`)
    expect(await found.json()).toMatchObject({ names: { alice: owner } })
    expect(JSON.parse((await send('identifier.list')).out).identifiers).toHaveLength(1)
  })

  it('tops up the balance, and withdraws to a wallet of its own', async () => {
    const ordered = await send('balance.topup', '{"amountMsat":50000}')
    const { invoice } = JSON.parse(ordered.out) as { invoice: { bolt11: string } }
    await dispatchPanda(['dev', 'pay', invoice.bolt11, '--data', data])
    const balance = async () => JSON.parse((await send('balance.get')).out).balanceMsat as number
    await expect.poll(balance, { timeout: 5_000, interval: 250 }).toBe(50_000)
    const { out: bolt11 } = await dispatchPanda(['dev', 'invoice', '20000', '--data', data])
    expect(await send('balance.withdraw', JSON.stringify({ bolt11: bolt11.trim() }))).toMatchObject({ exitCode: 0 })
    const status = async () => JSON.parse((await send('withdrawal.list')).out).withdrawals[0]?.status as string
    await expect.poll(status, { timeout: 5_000, interval: 250 }).toBe('paid')
    expect(await balance()).toBe(30_000)
  })

  it('has a wallet connection kept, sees its handle, and has it erased', async () => {
    const relay = encodeURIComponent('wss://relay.example')
    const secret = `nostr+walletconnect://${'cd'.repeat(32)}?relay=${relay}&secret=${'ab'.repeat(32)}`
    const kept = await send('secret.put', JSON.stringify({ kind: 'nwc', secret, label: 'phone' }))
    expect(kept).toMatchObject({ exitCode: 0 })
    const { handle } = JSON.parse(kept.out) as { handle: string }
    const listed = async () => JSON.parse((await send('secret.list')).out).secrets
    expect(await listed()).toMatchObject([{ handle, kind: 'nwc', label: 'phone' }])
    expect(await send('secret.erase', JSON.stringify({ handle }))).toMatchObject({ exitCode: 0 })
    expect(await listed()).toEqual([])
    expect(await send('secret.erase', JSON.stringify({ handle }))).toMatchObject({ exitCode: 1 })
  })

  it('reads what is wrong, with its path, and what was refused', async () => {
    expect(await send('identifier.register', '{"identifier":"bob@localhost","yeras":1}')).toMatchObject({
      exitCode: 1,
      out: '',
      err: 'panda: INVALID_PARAMS: params.yeras: unknown key',
    })
    expect(await send('identifier.get', '{"identifier":"nobody@localhost"}')).toMatchObject({
      exitCode: 1,
      out: '',
      err: 'panda: NOT_FOUND: nobody@localhost is not registered',
    })
  })

  it('writes a private message to the operator, who reads it with his own key', async () => {
    const opened = await send('ticket.open', '{"subject":"Hello","content":"Is this private?"}')
    expect(opened.exitCode).toBe(0)
    const list = await send('ticket.list', '{}', '--key', join(data, 'operator.key'))
    expect(list.exitCode).toBe(0)
  })
})

describe('a service whose output nobody reads any more', () => {
  const data = join(directory, 'unread')
  let child: ChildProcess
  afterAll(() => child?.kill('SIGKILL'))

  it('goes on, and stops in order', async () => {
    const root = fileURLToPath(new URL('../..', import.meta.url))
    const args = ['--import', 'tsx', 'src/cli/panda.ts', 'start', '--data', data, '--port', '0']
    const env = { ...process.env, PANDA_LOG_LEVEL: 'info' }
    child = spawn(process.execPath, args, { cwd: root, env, stdio: ['ignore', 'pipe', 'pipe'] })
    const ended = new Promise<number | null>(resolve => child.once('exit', resolve))
    // As `| head` does, only earlier: already the welcome finds nobody.
    child.stdout?.destroy()
    child.stderr?.destroy()
    const ask = () => callControl(controlSocketPath(data), 'clock.confirm', {})
    await expect.poll(() => ask().then(() => 'answers', String), { timeout: 15_000 }).toBe('answers')
    // The welcome follows, and more lines when it stops.
    child.kill('SIGTERM')
    expect(await ended).toBe(0)
  }, 30_000)
})
