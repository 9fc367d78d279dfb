import fc from 'fast-check'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { appendEntry, type Head, isChained, isHead, readEntries, readHead, startOfLog } from '../../../src/store/log.ts'
import { tables } from '../../../src/store/tables.ts'
import { openTemporary } from './open-environment.ts'

const count = 5
let store: ReturnType<typeof openTemporary>
beforeAll(() => {
  store = openTemporary()
})
afterAll(() => store.close())
beforeEach(() => write(append(count)))

const log = () => store.environment.bytes(tables.log)
const key = (seq: number) => tables.log.encodeKey([seq])

/** Entries as bytes, in order; writing an altered list makes that the log. */
function snapshot(): Buffer[] {
  return [...log().getRange({})].map(({ value }) => Buffer.from(value))
}

function write(entries: readonly Buffer[]): void {
  store.environment.root.transactionSync(() => {
    for (const old of [...log().getKeys({})]) log().removeSync(Buffer.from(old))
    for (const [index, entry] of entries.entries()) log().putSync(key(index + 1), entry)
  })
}

function append(entries: number): Buffer[] {
  write([])
  store.environment.root.transactionSync(() => {
    let head = startOfLog()
    for (let index = 0; index < entries; index++) {
      head = appendEntry(store.environment, head, {
        time: 1_790_000_000 + index,
        rulesVersion: 1,
        mayHold: index !== 3,
        digest: Buffer.alloc(32, index),
        event: `{"content":"entry ${index} ä"}`,
      })
    }
  })
  return snapshot()
}

/** Sequence numbers of the entries that do not follow from the one before. */
function broken(): number[] {
  let head: Head = startOfLog()
  const found: number[] = []
  for (const entry of readEntries(store.environment, 1, 100)) {
    if (!isChained(head, entry)) found.push(entry.seq)
    head = entry
  }
  return found
}

describe('the log', () => {
  it('gives back what was appended, in order', () => {
    const entries = readEntries(store.environment, 1, 100)
    expect(entries.map(({ seq, time, rulesVersion, mayHold }) => ({ seq, time, rulesVersion, mayHold }))).toEqual(
      [0, 1, 2, 3, 4].map(index => ({
        seq: index + 1,
        time: 1_790_000_000 + index,
        rulesVersion: 1,
        mayHold: index !== 3,
      })),
    )
    expect(entries[2]?.event.toString()).toBe('{"content":"entry 2 ä"}')
    expect(entries[2]?.digest).toEqual(Buffer.alloc(32, 2))
    expect(broken()).toEqual([])
  })

  it.each([
    { first: 1, limit: 2, seqs: [1, 2] },
    { first: 4, limit: 10, seqs: [4, 5] },
    { first: 6, limit: 10, seqs: [] },
  ])('reads $limit entries from $first on', ({ first, limit, seqs }) => {
    expect(readEntries(store.environment, first, limit).map(({ seq }) => seq)).toEqual(seqs)
  })

  it('ends at its last entry, and an empty one at nothing', () => {
    expect(readHead(store.environment)).toMatchObject({ seq: count, time: 1_790_000_004 })
    write([])
    expect(readHead(store.environment)).toEqual(startOfLog())
  })

  it('knows its end from one that is no longer', () => {
    const head = readHead(store.environment)
    expect(isHead(store.environment, head)).toBe(true)
    expect(isHead(store.environment, { ...head, hash: Buffer.alloc(32) })).toBe(false)
    expect(isHead(store.environment, { ...head, seq: count + 1 })).toBe(false)
    expect(isHead(store.environment, startOfLog())).toBe(false)
  })

  it('is broken by any flipped bit, at the entry itself or the one after', () => {
    const whole = snapshot()
    fc.assert(
      fc.property(fc.nat({ max: count - 1 }), fc.nat({ max: 200 }), fc.nat({ max: 7 }), (pick, position, bit) => {
        const altered = whole.map(entry => Buffer.from(entry))
        const entry = altered[pick] ?? Buffer.alloc(1)
        const at = position % entry.length
        entry[at] = (entry[at] ?? 0) ^ (1 << bit)
        write(altered)
        expect(broken()).toContain(pick + 1)
      }),
    )
  })

  const alterations: { case: string; alter(entries: Buffer[]): Buffer[]; first: number }[] = [
    { case: 'an entry left out', alter: entries => entries.toSpliced(2, 1), first: 3 },
    { case: 'two entries exchanged', alter: ([a, b, c, ...rest]) => [a, c, b, ...rest] as Buffer[], first: 2 },
    { case: 'an entry twice', alter: entries => entries.toSpliced(1, 0, entries[1] as Buffer), first: 3 },
    { case: 'the first entry gone', alter: entries => entries.slice(1), first: 1 },
  ]
  it.each(alterations)('is broken by $case', ({ alter, first }) => {
    write(alter(snapshot()))
    expect(broken()[0]).toBe(first)
  })

  it('is broken by a gap in its numbers', () => {
    log().removeSync(key(3))
    expect(broken()).toEqual([4])
  })

  it('has no entry that is cut short', () => {
    log().putSync(key(3), Buffer.alloc(71))
    expect(() => readEntries(store.environment, 1, 100)).toThrow('is cut short')
  })
})
