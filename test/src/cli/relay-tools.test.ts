import { spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { NostrEvent } from '../../../relay/event.ts'
import { loadSecp256k1 } from '../../../relay/signatures/secp256k1-load.ts'
import { dispatch } from '../../../src/cli/dispatch.ts'
import { createSigner } from '../../../src/protocol/signer.ts'
import { loadOrCreateKey } from '../../../src/service-key.ts'
import { openEnvironment } from '../../../src/store/environment.ts'
import { lockDirectory } from '../../../src/store/lock.ts'
import { author } from '../../relay/authors.ts'
import { makeNewData } from './new-data.ts'

const directory = mkdtempSync(join(tmpdir(), 'panda-tools-'))
const [alice, bob] = [author(1), author(2)]
const program = join(import.meta.dirname, '../../../src/cli/panda.ts')
const now = Math.floor(Date.now() / 1_000)
let number = 0

afterAll(() => rmSync(directory, { recursive: true }))

/** Runs a command with what it reads; `readers` is how many pages somebody reads of what it writes. */
async function panda(args: string[], { input = '', pages = Number.POSITIVE_INFINITY } = {}) {
  const [out, err]: [string[], string[]] = [[], []]
  let left = pages
  const exitCode = await dispatch(args, {
    env: {},
    print: line => out.push(`${line}\n`),
    complain: line => err.push(line),
    stdio: {
      input: Readable.from([Buffer.from(input)]),
      write: async bytes => {
        out.push(bytes.toString())
        return --left > 0
      },
    },
  })
  return { exitCode, out: out.join(''), err: err.join('\n') }
}

const newPath = () => join(directory, `data-${number++}`)
/** A data directory with nothing in it. */
async function newData(): Promise<string> {
  const data = newPath()
  mkdirSync(data)
  await makeNewData(data)
  return data
}
const jsonLines = (events: readonly unknown[]) => events.map(event => `${JSON.stringify(event)}\n`).join('')
const eventsOf = (text: string) =>
  text
    .split('\n')
    .slice(0, -1)
    .map(line => JSON.parse(line) as NostrEvent)

/** A data directory with events. */
async function dataWith(events: readonly NostrEvent[]): Promise<string> {
  const data = await newData()
  const { exitCode, err } = await panda(['relay', 'import', '--data', data], { input: jsonLines(events) })
  expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' })
  return data
}

const notes = Array.from({ length: 120 }, (_, index) =>
  (index % 2 === 0 ? alice : bob).sign({ created_at: now - 1_000 + index, content: `note ${index}` }),
)
const message = alice.sign({ kind: 4, created_at: now - 500, tags: [['p', bob.pubkey]], content: 'secret?iv=' })
let data: string
beforeAll(async () => {
  data = await dataWith([...notes, message])
})

describe('panda relay', () => {
  it.each([
    [['relay'], /panda relay import/],
    [['relay', 'improt'], /no relay command "improt"/],
    [['relay', 'constructor'], /no relay command/],
    [['relay', 'import', 'a', 'b'], /the command is/],
    [['relay', 'import', '--fast'], /the command is/],
    [['relay', 'export', 'file'], /the command is/],
    [['relay', 'export', '--since', 'today'], /Unix seconds/],
    [['relay', 'export', '--filter', '{'], /it is not JSON/],
    [['relay', 'export', '--filter', '{"kind":1}'], /kind: /],
    [['relay', 'scan'], /the command is/],
    [['relay', 'scan', '[]'], /a filter is an object/],
    [['relay', 'delete'], /with a filter, an age or both/],
    [['relay', 'delete', '--age', '-5'], /the command is|takes seconds/],
    [['relay', 'delete', '--age', '1d'], /takes seconds/],
    [['relay', 'delete', '--age', '5', '--filter', '{"until":7}'], /does not go with/],
    [['relay', 'delete', '--filter', 'all'], /it is not JSON/],
    [['relay', 'delete', '--filter', '{"search":"spam"}'], /search: this filter field is not known/],
    [['relay', 'export', '--filter', '{"search":"spam"}'], /search: this filter field is not known/],
    [['relay', 'compact'], /the command is/],
    [['relay', 'stats', 'all'], /the command is/],
  ])('refuses to be asked the wrong way: %o', async (args, complaint) => {
    const { exitCode, out, err } = await panda([...args, '--data', join(directory, 'nothing')])
    expect({ exitCode, out }).toEqual({ exitCode: 2, out: '' })
    expect(err).toMatch(complaint)
    expect(existsSync(join(directory, 'nothing'))).toBe(false)
  })

  it('explains itself', async () => {
    const { exitCode, out } = await panda(['relay', '--help'])
    expect(exitCode).toBe(0)
    for (const word of ['import', 'export', 'scan', 'delete', 'compact', 'stats']) expect(out).toContain(word)
  })

  it.each([
    [['export'], /there is no data in/],
    [['scan', '{}'], /there is no data in/],
    [['stats'], /there is no data in/],
    [['compact', join(directory, 'copy.mdb')], /there is no data in/],
    [['import'], /there is no data in/],
    [['delete', '--age', '5'], /there is no data in/],
    [['sync', 'ws://127.0.0.1:1/'], /there is no data in/],
    [['import', join(directory, 'no such file')], /cannot read .*no such file/],
  ])('says what is missing, and makes nothing: %o', async (args, complaint) => {
    const path = newPath()
    const { exitCode, out, err } = await panda(['relay', ...args, '--data', path])
    expect([exitCode, out]).toEqual([1, ''])
    expect(err).toMatch(complaint)
    expect(err).toContain(args.at(-1)?.includes('no such') ? 'no such file' : path)
    expect(existsSync(path)).toBe(false)
  })

  it.each([
    ['export', []],
    ['scan', ['{}', '--count']],
  ])('says in a line that %s cannot write', async (command, args) => {
    const full = openSync('/dev/full', 'w')
    const line = ['--import', 'tsx', program, 'relay', command, ...args, '--data', data]
    const child = spawn(process.execPath, line, { stdio: ['ignore', full, 'pipe'] })
    closeSync(full)
    let err = ''
    child.stderr?.on('data', chunk => {
      err += chunk
    })
    const [exitCode] = await once(child, 'close')
    expect(exitCode).toBe(1)
    expect(err).toMatch(/^panda: .*the disk is full.*\n$/m)
    expect(err).not.toMatch(/^ +at /m)
  })
})

describe('panda relay import', () => {
  it('reads a file, and tells what was skipped and why', async () => {
    const file = join(directory, 'events.jsonl')
    const forged = { ...alice.sign({ content: 'mine' }), content: 'yours' }
    writeFileSync(file, `${jsonLines([...notes.slice(0, 3), notes[0], forged])}garbage\n${JSON.stringify(bob.sign())}`)
    const { exitCode, out } = await panda(['relay', 'import', file, '--data', await newData()])
    expect(exitCode).toBe(0)
    expect(out).toMatch(/^7 lines \(\d+\/s\): 4 added, 1 here already, 2 skipped\n/)
    expect(out).toContain('1  invalid: the id is not the hash of this event (line 5)')
    expect(out).toContain('1  the line is not JSON (line 6)')
  })

  it('says in a line that a file cannot be read', async () => {
    const { exitCode, out, err } = await panda(['relay', 'import', directory, '--data', await newData()])
    expect([exitCode, out]).toEqual([1, ''])
    expect(err).toMatch(/^panda: the import ended: .*directory.*$/)
  })

  it('executes no command, and believes in no event of the service’s key', async () => {
    const place = await dataWith([])
    const secp = await loadSecp256k1()
    const signer = createSigner(secp, loadOrCreateKey(join(place, 'service.key')).secretKey)
    const own = signer.sign({ kind: 32_410, created_at: now, tags: [['d', 'alice@localhost']], content: '' })
    const command = alice.sign({
      kind: 2_410,
      created_at: now,
      tags: [
        ['p', signer.publicKey],
        ['method', 'identifier.register'],
      ],
      content: JSON.stringify({ identifier: 'alice@localhost', years: 1 }),
    })
    const query = { ...command, ...alice.sign({ kind: 22_410, created_at: now }) }
    const input = jsonLines([own, command, query, notes[0]])
    const { exitCode, out } = await panda(['relay', 'import', '--data', place], { input })
    expect(exitCode).toBe(0)
    expect(out).toContain('1 added, 0 here already, 3 skipped')
    expect(out).toContain('1  blocked: events of the service itself (line 1)')
    expect(out).toContain('2  blocked: commands and queries are not imported (line 2, 3)')
    expect(eventsOf((await panda(['relay', 'export', '--private', '--data', place])).out)).toEqual([notes[0]])
    expect(await panda(['verify', '--data', place])).toMatchObject({ exitCode: 0, out: /0 log entries/ })
  })

  it('ends when the disk has no room, and says where', async () => {
    const config = join(directory, 'small.yaml')
    writeFileSync(config, 'storage: { diskReserveBytes: 1099511627776 }\n')
    const args = ['relay', 'import', '--config', config, '--data', await newData()]
    const { exitCode, out } = await panda(args, { input: jsonLines(notes) })
    expect(exitCode).toBe(1)
    expect(out).toMatch(/Not imported to the end: line \d+: error: the disk is short of space/)
  })

  it('leaves a directory alone that a process has which does not answer', async () => {
    const place = await dataWith([])
    const lock = lockDirectory(place)
    const { exitCode, err } = await panda(['relay', 'import', '--data', place], { input: jsonLines(notes) })
    lock?.release()
    expect(exitCode).toBe(1)
    expect(err).toMatch(/^panda: the import ended: another program .* has the data in .* open: try again/)
    expect(err).toContain(place)
  })
})

describe('panda relay export and scan', () => {
  it('write what was brought in, without private messages unless they are asked for', async () => {
    const { out, err } = await panda(['relay', 'export', '--data', data])
    expect(eventsOf(out)).toEqual(notes)
    expect(err).toBe('1 private events are left out (messages, commands, results); --private takes them in')
    const all = await panda(['relay', 'export', '--private', '--reverse', '--data', data])
    expect(eventsOf(all.out).map(({ id }) => id)).toContain(message.id)
    expect(all.err).toBe('')
    expect(eventsOf((await panda(['relay', 'scan', '{"kinds":[4]}', '--private', '--data', data])).out)).toEqual([
      message,
    ])
    expect((await panda(['relay', 'scan', '{"kinds":[4]}', '--data', data])).out).toBe('')
  })

  it('keep to times and filters', async () => {
    const times = ['--since', String(now - 995), '--until', String(now - 990)]
    const args = ['relay', 'export', ...times, '--filter', JSON.stringify({ authors: [bob.pubkey] }), '--data', data]
    expect(eventsOf((await panda(args)).out)).toEqual(notes.slice(5, 11).filter(({ pubkey }) => pubkey === bob.pubkey))
    const scan = ['relay', 'scan', JSON.stringify({ authors: [bob.pubkey], limit: 2 }), '--data', data]
    expect(eventsOf((await panda(scan)).out)).toEqual([notes[119], notes[117]])
    expect((await panda(['relay', 'scan', '{}', '--count', '--private', '--data', data])).out).toBe('121\n')
  })

  it('end quietly when nobody reads any more', async () => {
    const place = await dataWith(notes.map(({ created_at }) => alice.sign({ created_at, content: 'x'.repeat(2_000) })))
    const { exitCode, out, err } = await panda(['relay', 'export', '--data', place], { pages: 1 })
    expect({ exitCode, err }).toEqual({ exitCode: 0, err: '' })
    expect(eventsOf(out).length).toBeLessThan(60)
  })

  it('say that data of an older version has to be brought up to date first', async () => {
    const place = newPath()
    mkdirSync(place)
    const old = openEnvironment({ directory: place, mapSizeBytes: 2 ** 26 })
    await old.close()
    const { exitCode, err } = await panda(['relay', 'export', '--data', place])
    expect(exitCode).toBe(1)
    expect(err).toMatch(/start the service once/)
  })
})

describe('panda relay delete', () => {
  it('removes what a filter and an age ask for, or only counts it, and the log stays what it was', async () => {
    const place = await dataWith([...notes, message])
    const ask = (...args: string[]) => panda(['relay', 'delete', ...args, '--data', place])
    const byAlice = ['--filter', JSON.stringify({ authors: [alice.pubkey], kinds: [1] })]
    expect(await ask(...byAlice, '--dry-run')).toEqual({ exitCode: 0, out: '60 events would be removed\n', err: '' })
    expect(await ask(...byAlice)).toMatchObject({ exitCode: 0, out: '60 events removed\n' })
    expect(await ask('--age', '950')).toMatchObject({ out: expect.stringMatching(/^[1-9]\d events removed\n$/) })
    const left = eventsOf((await panda(['relay', 'export', '--private', '--data', place])).out)
    expect(left.map(({ id }) => id)).toContain(message.id)
    expect(left.every(({ created_at, kind }) => kind === 4 || created_at > now - 950)).toBe(true)
    expect(await panda(['verify', '--data', place])).toMatchObject({ exitCode: 0 })
  })
})

describe('panda relay compact', () => {
  it('writes a copy that holds the same and overwrites nothing', async () => {
    const place = await dataWith(notes)
    await panda(['relay', 'delete', '--filter', JSON.stringify({ authors: [bob.pubkey] }), '--data', place])
    const copies = mkdtempSync(join(directory, 'copies-'))
    const copy = join(copies, 'data.mdb')
    const { exitCode, out } = await panda(['relay', 'compact', copy, '--data', place])
    expect(exitCode).toBe(0)
    expect(out).toContain(`mv ${copy} ${join(place, 'data.mdb')}`)
    expect(readdirSync(copies)).toEqual(['data.mdb'])
    expect(statSync(copy).mode & 0o777).toBe(0o600)
    expect(statSync(copy).size).toBeLessThan(statSync(join(place, 'data.mdb')).size)
    const [original, copied] = await Promise.all(
      [place, copies].map(async where => (await panda(['relay', 'export', '--data', where])).out),
    )
    expect(copied).toBe(original)
    expect(eventsOf(original ?? '')).toHaveLength(60)
    const { mtimeMs } = statSync(copy)
    expect(await panda(['relay', 'compact', copy, '--data', place])).toMatchObject({
      exitCode: 1,
      out: '',
      err: expect.stringContaining('nothing is overwritten'),
    })
    expect(statSync(copy).mtimeMs).toBe(mtimeMs)
  })

  it('leaves nothing behind when it cannot be written', async () => {
    const { exitCode, err } = await panda(['relay', 'compact', join(directory, 'no/such/place.mdb'), '--data', data])
    expect(exitCode).toBe(1)
    expect(err).toMatch(/no copy was made/)
  })
})

describe('panda relay stats', () => {
  it('counts kinds and measures databases', async () => {
    const { exitCode, out } = await panda(['relay', 'stats', '--json', '--full', '--data', data])
    expect(exitCode).toBe(0)
    const stats = JSON.parse(out)
    expect(stats).toMatchObject({ events: 121, oldest: now - 1_000, newest: now - 500 })
    const jsonBytes = notes.reduce((sum, note) => sum + JSON.stringify(note).length, 0)
    expect(stats.kinds).toEqual([
      { kind: 1, events: 120, jsonBytes },
      { kind: 4, events: 1, jsonBytes: JSON.stringify(message).length },
    ])
    const events = stats.databases.find(({ name }: { name: string }) => name === 'relay.events')
    expect(events).toMatchObject({ entries: 121 })
    const used = stats.databases.reduce((sum: number, { bytes }: { bytes: number }) => sum + bytes, 0)
    expect(used + stats.freeBytes).toBeLessThanOrEqual(stats.fileBytes)
    expect(stats.fileBytes - used - stats.freeBytes).toBeLessThan(20 * 4_096)
  })

  it('shows them to people', async () => {
    const { out } = await panda(['relay', 'stats', '--data', data])
    expect(out).toMatch(/^121 events, from \d{4}-/)
    expect(out).toMatch(/^ +1 +120$/m)
    expect(out).toMatch(/^ +\d+\.\d MiB +121 {2}relay\.events$/m)
    expect(out).not.toContain('relay.deletions')
  })
})
