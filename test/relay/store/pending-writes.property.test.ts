import fc from 'fast-check'
import { afterAll, beforeAll, expect, it } from 'vitest'
import type { KeyRange } from '../../../relay/store/merged-range.ts'
import { pendingWrites } from '../../../relay/store/pending-writes.ts'
import { openTemporaryRoot } from '../open-temporary.ts'

type Rows = Map<string, string>
type Write = { readonly key: string; readonly value: string | null }
type Range = Pick<KeyRange, 'limit' | 'reverse' | 'exclusiveStart' | 'inclusiveEnd'> & { start?: string; end?: string }
type Step =
  | { readonly kind: 'task'; readonly writes: readonly Write[]; readonly throws: boolean; readonly range: Range }
  | { readonly kind: 'commit' }

let temporary: ReturnType<typeof openTemporaryRoot>
beforeAll(() => {
  temporary = openTemporaryRoot({ isFlushed: true })
})
afterAll(() => temporary.close())

const key = fc.string({ unit: fc.constantFrom('a', 'b', 'ÿ'), minLength: 1, maxLength: 3 })
const write = fc.record({ key, value: fc.option(fc.string({ maxLength: 3 })) })
const range = fc.record(
  {
    start: key,
    end: key,
    limit: fc.integer({ min: 1, max: 5 }),
    reverse: fc.boolean(),
    exclusiveStart: fc.boolean(),
    inclusiveEnd: fc.boolean(),
  },
  { requiredKeys: [] },
)
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('task'), writes: fc.array(write), throws: fc.boolean(), range }),
  },
  { weight: 1, arbitrary: fc.constant<Step>({ kind: 'commit' }) },
) as fc.Arbitrary<Step>

const failure = new Error('as asked')
const bytes = (text: string) => Buffer.from(text, 'latin1')
const texts = (rows: Iterable<{ key: Buffer; value: Buffer }>) =>
  [...rows].map(row => [row.key.toString('latin1'), row.value.toString()])

function rangeOf(rows: Rows, { start, end, limit, reverse, exclusiveStart, inclusiveEnd }: Range) {
  const sorted = [...rows].sort(([a], [b]) => (a < b ? -1 : 1))
  if (reverse) sorted.reverse()
  const isBefore = (a: string, b: string) => (reverse ? a > b : a < b)
  return sorted
    .filter(([name]) => start === undefined || (name === start ? !exclusiveStart : isBefore(start, name)))
    .filter(([name]) => end === undefined || (name === end ? inclusiveEnd : isBefore(name, end)))
    .slice(0, limit)
}

it('shows tasks what a map would, and others what is committed', async () => {
  const pending = pendingWrites(temporary.root)
  let number = 0
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), async steps => {
      const rows = pending.open(`rows-${number++ % 20}`)
      for (const { key } of [...rows.getRange({})]) rows.removeSync(Buffer.from(key))
      const model: Rows = new Map()
      const commits: Promise<void>[] = []
      for (const one of steps) {
        if (one.kind === 'commit') {
          commits.push(pending.commit())
          if (commits.length % 2 === 0) await Promise.all(commits)
          continue
        }
        const { start, end, ...others } = one.range
        const asked: KeyRange = {
          ...others,
          ...(start === undefined ? {} : { start: bytes(start) }),
          ...(end === undefined ? {} : { end: bytes(end) }),
        }
        const attempt = () =>
          pending.run(() => {
            const seen: Rows = new Map(model)
            for (const { key, value } of one.writes) {
              if (value === null) seen.delete(key)
              else seen.set(key, value)
              if (value === null) rows.removeSync(bytes(key))
              else rows.putSync(bytes(key), Buffer.from(value))
            }
            expect(texts(rows.getRange(asked))).toEqual(rangeOf(seen, one.range))
            expect([...rows.getKeys(asked)].map(key => key.toString('latin1'))).toEqual(
              rangeOf(seen, one.range).map(([key]) => key),
            )
            for (const { key } of one.writes) {
              expect(rows.get(bytes(key))?.toString()).toBe(seen.get(key))
              expect(rows.getBinaryFast(bytes(key))?.toString()).toBe(seen.get(key))
            }
            if (one.throws) throw failure
            model.clear()
            for (const [key, value] of seen) model.set(key, value)
          })
        if (one.throws) expect(attempt).toThrow(failure)
        else attempt()
      }
      commits.push(pending.commit())
      await Promise.all(commits)
      expect(texts(rows.getRange({}))).toEqual(rangeOf(model, {}))
    }),
    { numRuns: 150 },
  )
})

it('shows nothing of a task to others until it is committed, and nothing at all when it is forgotten', async () => {
  const pending = pendingWrites(temporary.root)
  const rows = pending.open('others')
  pending.run(() => rows.putSync(bytes('a'), bytes('1')))
  expect(rows.get(bytes('a'))).toBeUndefined()
  expect([...rows.getKeys({})]).toEqual([])
  pending.forget()
  expect(pending.run(() => rows.get(bytes('a')))).toBeUndefined()
  await pending.commit()
  expect(rows.get(bytes('a'))).toBeUndefined()
  pending.run(() => rows.putSync(bytes('a'), bytes('2')))
  await pending.commit()
  expect(rows.get(bytes('a'))?.toString()).toBe('2')
})

it('knows of no task within a task, nor of rows that are not bytes', () => {
  const pending = pendingWrites(temporary.root)
  const rows = pending.open('tasks')
  expect(() => pending.run(() => pending.run(() => undefined))).toThrow('within a task')
  expect(() => pending.run(() => rows.putSync(bytes('a'), 'text' as unknown as Buffer))).toThrow(TypeError)
  expect(pending.uncommittedRows()).toBe(0)
})

it('refuses a key that LMDB would not take, which would fail with all that shares its transaction', () => {
  const pending = pendingWrites(temporary.root)
  const rows = pending.open('keys')
  for (const length of [0, 1_979]) {
    expect(() => pending.run(() => rows.putSync(Buffer.alloc(length, 1), bytes('')))).toThrow(RangeError)
  }
  pending.run(() => rows.putSync(Buffer.alloc(1_978, 1), bytes('')))
  pending.forget()
})
