import { randomBytes } from 'node:crypto'
import { Readable } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { openHost } from '../../../relay/open-host.ts'
import type { Policy } from '../../../relay/policies/policy.ts'
import { type ImportShare, importLines } from '../../../relay/sync/import.ts'
import type { ImportReport } from '../../../relay/sync/import-report.ts'
import { author, startTime } from '../authors.ts'
import { type Served, serveRelay } from '../serve-relay.ts'

const [alice, bob] = [author(1), author(2)]
const served: Served[] = []
afterEach(async () => {
  for (const one of served.splice(0)) await one.close()
})

type Submit = Parameters<typeof importLines>[0]['submit']

async function serve(options: Parameters<typeof serveRelay>[0] = {}): Promise<Served> {
  const one = await serveRelay(options)
  served.push(one)
  return one
}

function bring({ relay }: Pick<Served, 'relay'>, lines: string | Buffer | readonly (string | Buffer)[]) {
  const chunks = Readable.from((Array.isArray(lines) ? lines : [lines]).map(Buffer.from))
  const { submit, stats } = relay
  return importLines({ chunks, name: 'test', submit, load: stats, maxEventBytes: 65_536 }).done
}

function jsonLines(...events: readonly unknown[]): string {
  return events.map(event => `${JSON.stringify(event)}\n`).join('')
}

/** Reasons and counts. */
function skips({ reasons }: ImportReport): Record<string, number> {
  return Object.fromEntries(reasons.map(({ reason, count }) => [reason, count]))
}

const idsOf = ({ relay }: Served, filter: object = {}) => relay.find(filter).map(({ id }) => id)

describe('an import', () => {
  it('takes events however they are wrapped, and counts what it has', async () => {
    const to = await serve()
    const [one, two, three] = [alice.sign({ content: '1' }), alice.sign({ content: '2' }), bob.sign({ content: '3' })]
    const report = await bring(to, [
      jsonLines(one, ['EVENT', two], ['EVENT', 'a subscription', three]),
      `\n  \n${JSON.stringify({ ...one, fried: '00ff', seen_on: ['wss://x'] })}\r\n`,
      JSON.stringify(two),
    ])
    expect(report).toEqual({ lines: 7, added: 3, duplicates: 2, skipped: 0, reasons: [], stopped: null })
    expect(new Set(idsOf(to))).toEqual(new Set([one.id, two.id, three.id]))
    expect(to.relay.find({ ids: [one.id] })).toEqual([one])
  })

  it('checks every signature, those of events that are here already too', async () => {
    const to = await serve()
    const good = alice.sign()
    const forged = { ...good, sig: alice.sign({ content: 'another' }).sig }
    const report = await bring(to, [jsonLines(good, forged, good), jsonLines(forged)])
    expect(report).toMatchObject({ added: 1, duplicates: 1, skipped: 2 })
    expect(report.reasons).toEqual([
      { reason: 'invalid: the signature is not of this author', count: 2, lines: [2, 4] },
    ])
    const client = await to.connect()
    // What clients send again is looked for first, which is cheap.
    expect(await client.publish(good)).toEqual([true, expect.stringMatching(/^duplicate: /)])
    expect(to.metrics.verifications).toBe(4)
  })

  it('applies what NIP-01, 09 and 40 say, in any order', async () => {
    const to = await serve()
    const at = (created_at: number, content: string) => alice.sign({ kind: 0, created_at, content })
    const note = alice.sign({ content: 'to be deleted' })
    const late = alice.sign({ content: 'deleted before it comes' })
    const deletion = alice.sign({
      kind: 5,
      tags: [
        ['e', note.id],
        ['e', late.id],
      ],
    })
    const others = bob.sign({ kind: 5, tags: [['e', at(startTime, 'new').id]] })
    const expired = alice.sign({ tags: [['expiration', String(startTime - 1)]] })
    const expiring = alice.sign({ tags: [['expiration', String(startTime + 10)]] })
    const events = [at(startTime, 'new'), at(startTime - 5, 'old'), note, deletion, late, others, expired, expiring]
    // One by one, as the order is what it is about.
    const reports: ImportReport[] = []
    for (const event of [...events, alice.sign({ kind: 20_001 })]) reports.push(await bring(to, jsonLines(event)))
    expect(reports.flatMap(({ reasons }) => reasons.map(({ reason }) => reason))).toEqual([
      'invalid: there is a newer version of this event',
      'blocked: the author has deleted this event',
      'invalid: this event has expired',
      'invalid: ephemeral events are not stored',
    ])
    expect(new Set(idsOf(to))).toEqual(new Set([at(startTime, 'new').id, deletion.id, others.id, expiring.id]))
  })

  it('asks neither for dates nor for protection nor for policies, which were asked for elsewhere', async () => {
    const asked: string[] = []
    const policy: Policy = ({ id }) => {
      asked.push(id)
      return 'blocked: no'
    }
    const to = await serve({ policy })
    const ancient = alice.sign({ created_at: 1, content: 'ancient' })
    const future = alice.sign({ created_at: startTime * 2, content: 'future' })
    const guarded = alice.sign({ tags: [['-']], content: 'protected' })
    expect(await bring(to, jsonLines(ancient, future, guarded))).toMatchObject({ added: 3, skipped: 0 })
    expect(asked).toEqual([])
  })

  it('brings nothing back of a key that has vanished from here', async () => {
    const to = await serve()
    const wish = alice.sign({ kind: 62, tags: [['relay', 'ALL_RELAYS']] })
    expect(await bring(to, jsonLines(wish))).toMatchObject({ added: 1 })
    const report = await bring(to, jsonLines(alice.sign({ created_at: startTime - 5 }), bob.sign()))
    expect(report).toMatchObject({ added: 1, skipped: 1 })
    expect(skips(report)).toEqual({ 'blocked: its author, or whom it is for, has vanished from this relay': 1 })
  })

  it('says of everything that it skips why, and on which lines', async () => {
    const to = await serve()
    const good = alice.sign({ content: 'good' })
    const flipped = (hex: string) => (hex.startsWith('0') ? '1' : '0') + hex.slice(1)
    const bad: readonly [unknown, string][] = [
      ['[', 'the line is not JSON'],
      ['{"id":', 'the line is not JSON'],
      [7, 'invalid: an event is an object'],
      [null, 'invalid: an event is an object'],
      [['EVENT'], 'invalid: an event is an object'],
      [['REQ', 'x', good], 'invalid: an event is an object'],
      [{}, 'invalid: id: 64 lower-case hex digits'],
      [{ ...good, sig: flipped(good.sig) }, 'invalid: the signature is not of this author'],
      [{ ...good, pubkey: bob.pubkey }, 'invalid: the id is not the hash of this event'],
      [{ ...good, content: 'other' }, 'invalid: the id is not the hash of this event'],
      [{ ...good, tags: [[1]] }, 'invalid: tags: each is a list of strings'],
      [{ ...good, content: 'x'.repeat(70_000) }, 'invalid: an event has at most 65536 bytes'],
      ['x'.repeat(600_000), 'the line is too long'],
      [alice.sign({ kind: 22_242 }), 'invalid: authentication goes in AUTH, not in EVENT'],
    ]
    const lines = bad.map(([value]) => (typeof value === 'string' ? value : JSON.stringify(value)))
    const report = await bring(to, [...lines.map(line => `${line}\n`), jsonLines(good)])
    expect(report).toMatchObject({ lines: bad.length + 1, added: 1, duplicates: 0, skipped: bad.length, stopped: null })
    const told = report.reasons.flatMap(({ reason, lines: at }) => at.map(line => [line, reason] as const))
    expect(told.sort(([a], [b]) => a - b)).toEqual(bad.map(([, reason], index) => [index + 1, reason]))
    expect(idsOf(to)).toEqual([good.id])
    expect(to.errors).toEqual([])
  })

  it('outlives binary garbage, and a nesting that never ends', async () => {
    const to = await serve()
    const good = alice.sign()
    const garbage = Array.from({ length: 50 }, () => randomBytes(20_000))
    const report = await bring(to, [...garbage, '\n', '['.repeat(400_000), '\n', jsonLines(good)])
    expect(report).toMatchObject({ added: 1, stopped: null })
    // A digit between two newlines is JSON.
    const expected = ['the line is not JSON', 'the line is too long', 'invalid: an event is an object']
    expect(expected).toEqual(expect.arrayContaining(Object.keys(skips(report))))
  })

  it('lists few reasons and few lines, whatever comes', async () => {
    let number = 0
    const submit: Submit = (_event, _origin, done) =>
      done({ accepted: false, message: `blocked: number ${number++ < 100 ? number : 1}`, delivered: [] })
    const load = () => ({ unverified: 0, queued: 0 })
    const chunks = Readable.from([Buffer.from('{}\n'.repeat(1_000))])
    const report = await importLines({ chunks, name: 'test', submit, load, maxEventBytes: 1_000 }).done
    expect(report.skipped).toBe(1_000)
    expect(report.reasons.length).toBeLessThanOrEqual(51)
    expect(report.reasons.reduce((sum, { count }) => sum + count, 0)).toBe(1_000)
    expect(Math.max(...report.reasons.map(({ lines }) => lines.length))).toBe(5)
  })

  it('leaves to the host what comes in, and says that it is no client’s', async () => {
    const origins: string[] = []
    const to = await serve({
      host: {
        ...openHost,
        admit: (event, origin) => {
          origins.push(`${origin.source} ${origin.ip} ${origin.authenticated.size}`)
          return event.kind === 7 ? { kind: 'refuse', message: 'blocked: no reactions' } : { kind: 'store' }
        },
      },
    })
    const report = await bring(to, jsonLines(alice.sign({ kind: 7 }), alice.sign()))
    expect(report).toMatchObject({ added: 1, skipped: 1 })
    expect(skips(report)).toEqual({ 'blocked: no reactions': 1 })
    expect(origins).toEqual(['import test 0', 'import test 0'])
  })

  it('has thousands of events stored, each once, as they were', async () => {
    const to = await serve()
    const events = Array.from({ length: 1_000 }, (_, index) => alice.sign({ created_at: startTime - index }))
    const text = jsonLines(...events, ...events.slice(0, 500))
    const bytes = Buffer.from(text)
    const chunks = Array.from({ length: Math.ceil(bytes.length / 10_007) }, (_, index) =>
      bytes.subarray(index * 10_007, (index + 1) * 10_007),
    )
    expect(await bring(to, chunks)).toEqual({
      lines: 1_500,
      added: 1_000,
      duplicates: 500,
      skipped: 0,
      reasons: [],
      stopped: null,
    })
    expect(to.relay.store.latestSeq()).toBe(1_000)
  })
})

/** A relay that only counts, and answers when it is told to. */
function heldRelay() {
  const held: ((message: string, accepted?: boolean) => void)[] = []
  let most = 0
  let taken = 0
  const submit: Submit = (_event, _origin, done) => {
    taken++
    held.push((message, accepted = false) => done({ accepted, message, delivered: [] }))
    most = Math.max(most, held.length)
  }
  return { held, submit, most: () => most, taken: () => taken }
}

const turns = async (count: number) => {
  for (let turn = 0; turn < count; turn++) await delay(2)
}

describe('an import beside others', () => {
  const share: ImportShare = { events: 20, unverified: 5, queued: 10 }
  const many = () => Readable.from(Array.from({ length: 100 }, () => Buffer.from('{}\n')))
  const begin = (submit: Submit, load = { unverified: 0, queued: 0 }) =>
    importLines({ chunks: many(), name: 'test', submit, load: () => load, maxEventBytes: 1_000, share })

  it('has only so much under way', async () => {
    const { held, submit, most, taken } = heldRelay()
    const { done } = begin(submit)
    for (let rounds = 0; taken() < 100 && rounds < 1_000; rounds++) {
      await turns(3)
      for (const answer of held.splice(0)) answer('', true)
    }
    for (const answer of held.splice(0)) answer('', true)
    expect(await done).toMatchObject({ added: 100 })
    expect(most()).toBe(20)
  })

  it.each(['unverified', 'queued'] as const)('waits while too much is %s', async what => {
    const { held, submit, taken } = heldRelay()
    const load = { unverified: 0, queued: 0, [what]: 1_000 }
    const { done } = begin(submit, load)
    await turns(10)
    expect(taken()).toBe(0)
    load[what] = 0
    while (taken() < 100) {
      await turns(1)
      for (const answer of held.splice(0)) answer('', true)
    }
    for (const answer of held.splice(0)) answer('', true)
    expect(await done).toMatchObject({ added: 100 })
  })

  it('tries again what the relay was too busy for', async () => {
    let refusals = 3
    const submit: Submit = (_event, _origin, done) => {
      const busy = refusals-- > 0
      done({ accepted: !busy, message: busy ? 'rate-limited: too busy' : '', delivered: [] })
    }
    expect(await begin(submit).done).toMatchObject({ lines: 100, added: 100, skipped: 0 })
  })

  it('ends at the first fault of the storage, and waits for what is under way', async () => {
    const { held, submit, taken } = heldRelay()
    const { done } = begin(submit)
    while (taken() < 20) await turns(1)
    held.shift()?.('error: the disk is full')
    await turns(10)
    for (const answer of held.splice(0)) answer('', true)
    const report = await done
    expect(report).toMatchObject({ added: 19, skipped: 1, stopped: 'line 1: error: the disk is full' })
    expect(taken()).toBe(20)
  })

  it('can be ended', async () => {
    const ending = new AbortController()
    const { submit, held } = heldRelay()
    const load = () => ({ unverified: 0, queued: 0 })
    const { signal } = ending
    const { done } = importLines({ chunks: many(), name: 'test', submit, load, maxEventBytes: 1_000, share, signal })
    while (held.length < 20) await turns(1)
    ending.abort()
    for (const answer of held.splice(0)) answer('', true)
    expect(await done).toMatchObject({ added: 20, stopped: 'it was ended' })
  })

  it('fails when the relay does', async () => {
    let taken = 0
    const submit: Submit = (_event, _origin, done) => {
      if (++taken > 1) throw new Error('a bug')
      done({ accepted: true, message: '', delivered: [] })
    }
    await expect(begin(submit).done).rejects.toThrow('a bug')
    expect(taken).toBe(2)
  })

  it('fails when reading fails, once nothing is under way', async () => {
    const { held, submit } = heldRelay()
    const chunks = async function* () {
      yield Buffer.from('{}\n')
      throw new Error('the tape tore')
    }
    const load = () => ({ unverified: 0, queued: 0 })
    const { done } = importLines({ chunks: chunks(), name: 'test', submit, load, maxEventBytes: 1_000 })
    let settled = false
    const watched = done.finally(() => {
      settled = true
    })
    watched.catch(() => undefined)
    while (held.length < 1) await turns(1)
    await turns(5)
    expect(settled).toBe(false)
    held.pop()?.('', true)
    await expect(watched).rejects.toThrow('the tape tore')
  })
})
