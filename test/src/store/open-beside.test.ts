import { execFile } from 'node:child_process'
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { tryLock } from 'fs-native-extensions'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { pendingWrites } from '../../../relay/store/pending-writes.ts'
import { createWriter } from '../../../relay/store/writer.ts'
import { openEnvironment } from '../../../src/store/environment.ts'
import { openBeside } from '../../../src/store/open-beside.ts'
import { openWriteGate } from '../../../src/store/write-gate.ts'

/** A directory whose files cannot be made or written. */
const readOnly = vi.hoisted((): { directory: string | null } => ({ directory: null }))
vi.mock('node:fs', async importOriginal => {
  const fs = await importOriginal<typeof import('node:fs')>()
  const open: typeof openSync = (path, flags, mode) => {
    if (readOnly.directory === null || !String(path).startsWith(readOnly.directory))
      return fs.openSync(path, flags, mode)
    throw Object.assign(new Error('read-only file system'), { code: 'EROFS' })
  }
  return { ...fs, openSync: open }
})

const mapSizeBytes = 2 ** 28
const opensEach = 200
/** Where LMDB writes down up to where all is on disk. */
const halfPage = 4_096

/** Where the first two pages say which start of the machine they are of: the first group of its name. */
function bootIds(pages: Buffer): number[] {
  const id = Buffer.alloc(8)
  id.writeBigInt64LE(BigInt(`0x${readFileSync('/proc/sys/kernel/random/boot_id', 'latin1').slice(0, 8)}`))
  const found: number[] = []
  for (let at = pages.indexOf(id); at !== -1 && at < 4 * halfPage; at = pages.indexOf(id, at + 1)) found.push(at)
  expect(found).toHaveLength(3)
  return found
}

let directory: string
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'panda-beside-'))
})
afterEach(() => rmSync(directory, { recursive: true, force: true }))

const tool = fileURLToPath(new URL('open-again.ts', import.meta.url))
/** Another process that opens the data for reading again and again. */
const openAgain = () => promisify(execFile)(process.execPath, ['--import', 'tsx', tool, directory, String(opensEach)])

it('loses nothing that is durable while other processes open the data', async () => {
  const { root, close } = openEnvironment({ directory, mapSizeBytes })
  const gate = openWriteGate(directory)
  await gate.entered()
  gate.leave()
  const errors: unknown[] = []
  const writer = createWriter({ root, gate, onError: error => errors.push(error) })
  const rows = pendingWrites(root).open('rows')
  const durable: string[] = []
  let isOver = false
  const write = (lane: number, index: number) => {
    const name = `${lane} ${index}`
    const done = ({ ok }: { ok: boolean }) => {
      if (ok) durable.push(name)
      if (!isOver) setImmediate(() => write(lane, index + 1))
    }
    writer.submit({ lane: 'first', run: () => rows.putSync(Buffer.from(name), Buffer.from(name)), done })
  }
  for (const lane of [1, 2, 3, 4]) write(lane, 0)
  await Promise.all([openAgain(), openAgain(), openAgain()])
  isOver = true
  await writer.close()
  expect(durable.filter(name => rows.get(Buffer.from(name)) === undefined)).toEqual([])
  expect(durable.length).toBeGreaterThan(100)
  expect(errors).toEqual([])
  gate.close()
  await close()
}, 60_000)

it('waits for a transaction that is on its way, and then comes before the next', async () => {
  const { close } = openEnvironment({ directory, mapSizeBytes })
  const gate = openWriteGate(directory)
  expect(gate.enter()).toBe(true)
  let isOpen = false
  const opening = openBeside({ directory, mapSizeBytes }).then(environment => {
    isOpen = true
    return environment.close()
  })
  while (gate.enter()) await new Promise(setImmediate)
  expect(isOpen).toBe(false)
  gate.leave()
  await opening
  expect(gate.enter()).toBe(true)
  gate.close()
  await close()
})

it('does not stop the writer for ever', () => {
  let timeMs = 0
  const gate = openWriteGate(directory, () => timeMs)
  // As one who opens the data takes it.
  const [wanted, writing] = ['gate.wanted', 'gate.writing'].map(name => openSync(join(directory, name), 'a+'))
  if (wanted === undefined || writing === undefined) throw new Error('two files are opened')
  expect(tryLock(wanted)).toBe(true)
  expect(gate.enter()).toBe(false)
  timeMs = 10_000
  expect(gate.enter()).toBe(false)
  timeMs = 10_001
  expect(gate.enter()).toBe(true)
  expect(tryLock(writing)).toBe(false)
  gate.leave()
  expect(tryLock(writing)).toBe(true)
  for (const file of [wanted, writing]) closeSync(file)
  timeMs = 20_000
  expect(gate.enter()).toBe(true)
  gate.close()
})

it('reads nothing that was not on disk when the power failed, nor has a service begin with it', async () => {
  const first = openEnvironment({ directory, mapSizeBytes })
  const write = async (name: string) => {
    pendingWrites(first.root).open('rows').putSync(Buffer.from(name), Buffer.from(name))
    await first.root.flushed
  }
  await write('a')
  const flushed = readFileSync(join(directory, 'data.mdb')).subarray(halfPage, 2 * halfPage)
  await write('b')
  await write('c')
  await first.close()
  // As if these two had not come to the disk, and the machine had been started again.
  const pages = readFileSync(join(directory, 'data.mdb'))
  flushed.copy(pages, halfPage)
  for (const id of bootIds(pages)) pages.writeBigInt64LE(1n, id)
  writeFileSync(join(directory, 'data.mdb'), pages)
  rmSync(join(directory, 'lock.mdb'))
  const beside = await openBeside({ directory, mapSizeBytes })
  const names = ({ root }: typeof beside) => [...pendingWrites(root).open('rows').getKeys({})].map(String)
  expect(names(beside)).toEqual(['a'])
  await beside.close()
  const again = openEnvironment({ directory, mapSizeBytes })
  expect(names(again)).toEqual(['a'])
  await again.close()
})

it('closes while nobody opens the data', async () => {
  await openEnvironment({ directory, mapSizeBytes }).close()
  const beside = await openBeside({ directory, mapSizeBytes })
  const others = ['gate.wanted', 'gate.writing'].map(name => openSync(join(directory, name), 'a+'))
  expect(others.map(file => tryLock(file))).toEqual([true, true])
  let isClosed = false
  const closing = beside.close().then(() => {
    isClosed = true
  })
  for (let turns = 0; turns < 1_000; turns++) await new Promise(setImmediate)
  expect(isClosed).toBe(false)
  others.forEach(closeSync)
  await closing
  // Twice is once: the descriptors are somebody else's by then.
  await beside.close()
})

it('opens what lies on a read-only file system', async () => {
  await openEnvironment({ directory, mapSizeBytes }).close()
  readOnly.directory = directory
  const { close } = await openBeside({ directory, mapSizeBytes })
  readOnly.directory = null
  expect(existsSync(join(directory, 'gate.wanted'))).toBe(false)
  await close()
})
