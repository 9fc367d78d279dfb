import { closeSync, existsSync, mkdtempSync, openSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { tryLock } from 'fs-native-extensions'
import type { RootDatabase } from 'lmdb'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { openOffline } from '../../../src/cli/relay-offline.ts'
import { loadConfig } from '../../../src/config.ts'
import { makeNewData } from '../cli/new-data.ts'
import { runService } from '../metrics/running-service.ts'

/** For each database that is made where there is a gate, whether others are kept from opening the data meanwhile. */
let made: boolean[]
/** The same, when the data is closed. */
let ended: boolean[]
vi.mock('lmdb', async importOriginal => {
  const lmdb = await importOriginal<typeof import('lmdb')>()
  const open = (options: { path: string }): RootDatabase => {
    const root = lmdb.open(options)
    const openDB = root.openDB.bind(root)
    const close = root.close.bind(root)
    root.close = () => {
      const file = join(options.path, 'gate.writing')
      if (existsSync(file)) ended.push(isClosed(file))
      return close()
    }
    root.openDB = ((database: { name: string }) => {
      const file = join(options.path, 'gate.writing')
      if (existsSync(file)) made.push(isClosed(file))
      return openDB(database)
    }) as RootDatabase['openDB']
    return root
  }
  return { ...lmdb, open }
})

let directory: string
beforeEach(() => {
  made = []
  ended = []
  directory = mkdtempSync(join(tmpdir(), 'panda-start-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

/** Whether one who opens the data has to wait. */
function isClosed(file: string): boolean {
  const descriptor = openSync(file, 'a+')
  const isFree = tryLock(descriptor)
  closeSync(descriptor)
  return !isFree
}

it('keeps others from opening the data while a service makes its databases and closes them, and no longer', async () => {
  const service = await runService()
  const { data } = service
  expect(made.length).toBeGreaterThan(20)
  expect(made).not.toContain(false)
  while (isClosed(join(data, 'gate.writing'))) await new Promise(setImmediate)
  await service.close()
  expect(ended).toEqual([true])
})

it('does so for the tools that write, too', async () => {
  const file = join(directory, 'panda.json')
  const data = join(directory, 'data')
  writeFileSync(file, JSON.stringify({ data }))
  const loaded = loadConfig({ file, env: {}, flags: { port: '0' } })
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  await makeNewData(data)
  made = []
  const offline = await openOffline(loaded.config, error => expect(error).toBeNull())
  // What it writes itself comes on a later turn.
  expect(isClosed(join(data, 'gate.writing'))).toBe(false)
  expect(made.length).toBeGreaterThan(20)
  expect(made).not.toContain(false)
  await offline?.close()
  expect(ended).toEqual([true])
})
