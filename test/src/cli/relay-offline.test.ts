import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, expect, it, vi } from 'vitest'
import { openOffline } from '../../../src/cli/relay-offline.ts'
import { loadConfig } from '../../../src/config.ts'
import { author } from '../../relay/authors.ts'
import { makeNewData } from './new-data.ts'

const data = join(mkdtempSync(join(tmpdir(), 'panda-offline-')), 'data')

afterEach(() => {
  vi.useRealTimers()
  rmSync(join(data, '..'), { recursive: true })
})

it('leaves what has expired to the service, which knows whether the clock can be believed', async () => {
  mkdirSync(data)
  await makeNewData(data)
  const loaded = loadConfig({ env: {}, flags: { data } })
  if (!loaded.ok) throw new Error('the configuration is wrong')
  vi.useFakeTimers({ toFake: ['setInterval', 'Date'] })
  const offline = await openOffline(loaded.config, error => expect(error).toBeNull())
  if (offline === null) throw new Error('somebody else has the directory')
  const now = Math.floor(Date.now() / 1_000)
  const event = author(1).sign({ created_at: now, tags: [['expiration', String(now + 3_600)]] })
  const origin = { source: 'import' as const, ip: '', authenticated: new Set<string>() }
  const outcome = await new Promise(resolve => offline.relay.submit(event, origin, resolve))
  expect(outcome).toMatchObject({ accepted: true })
  // A machine whose clock is a day ahead by mistake.
  vi.setSystemTime((now + 86_400) * 1_000)
  vi.advanceTimersByTime(30_000)
  await delay(200)
  await offline.writer.idle()
  expect(offline.relay.store.has(event.id)).toBe(true)
  await offline.close()
})
