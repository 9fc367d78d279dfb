import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { open } from 'lmdb'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { openEnvironment } from '../../../src/store/environment.ts'
import { databases, tables } from '../../../src/store/tables.ts'
import type { RangeOptions } from '../../../src/store/transaction.ts'
import { openTemporary } from './open-environment.ts'

let store: ReturnType<typeof openTemporary>
beforeAll(() => {
  store = openTemporary()
})
afterAll(() => store.close())

const table = tables.ticketsByStatus
type Key = readonly [string, number, string]

const anyText = fc.constantFrom('a', 'ab', 'b', 'b\u00ff', '\uffff')
const anyNumber = fc.constantFrom(0, 1, 255, 256, 2 ** 48 - 1)
const anyRef = fc.constantFrom('00'.repeat(16), '01'.repeat(16), 'ff'.repeat(16))
const anyKey = fc.tuple(anyText, anyNumber, anyRef)
const anyQuery = fc
  .record({
    key: anyKey,
    prefixLength: fc.constantFrom(0, 1, 2, 3),
    limit: fc.option(fc.integer({ min: 1, max: 5 }), { nil: undefined }),
    reverse: fc.boolean(),
    after: fc.option(anyKey, { nil: undefined }),
    upTo: fc.option(fc.record({ key: anyKey, length: fc.constantFrom(1, 2, 3) }), { nil: undefined }),
  })
  .map(({ key, prefixLength, limit, reverse, after, upTo }) => {
    const options: RangeOptions = {
      reverse,
      ...(limit === undefined ? {} : { limit }),
      ...(after === undefined ? {} : { after }),
      ...(upTo === undefined ? {} : { upTo: upTo.key.slice(prefixLength, prefixLength + upTo.length) }),
    }
    return { prefix: key.slice(0, prefixLength), options }
  })

function compareKeys(a: readonly (string | number)[], b: readonly (string | number)[]): number {
  return Buffer.compare(table.encodePrefix(a), table.encodePrefix(b))
}

/** What `range` should give, by looking at every key. */
function naiveRange(keys: readonly Key[], prefix: readonly (string | number)[], options: RangeOptions): Key[] {
  const { limit = Number.POSITIVE_INFINITY, reverse = false, after, upTo } = options
  const wanted = keys
    .filter(key => prefix.every((part, index) => key[index] === part))
    .filter(key => {
      const first = key.slice(prefix.length, prefix.length + (upTo?.length ?? 0))
      return upTo === undefined || compareKeys([...prefix, ...first], [...prefix, ...upTo]) <= 0
    })
    .sort(compareKeys)
  if (reverse) wanted.reverse()
  return wanted
    .filter(key => after === undefined || (reverse ? compareKeys(key, after) < 0 : compareKeys(key, after) > 0))
    .slice(0, limit)
}

describe('ranges', () => {
  it('give what a filter over all rows gives', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(anyKey, { maxLength: 25, selector: key => key.join() }),
        fc.array(anyQuery, { minLength: 10, maxLength: 20 }),
        (keys, queries) => {
          store.write(tx => {
            for (const { key } of tx.range(table, [])) tx.delete(table, key)
            for (const key of keys) tx.put(table, key, {})
          })
          for (const { prefix, options } of queries) {
            const found = store.environment.reader.range(table, prefix, options).map(({ key }) => key)
            expect(found).toEqual(naiveRange(keys, prefix, options))
          }
        },
      ),
    )
  })

  it('give the rows with their keys', () => {
    store.write(tx => {
      tx.put(tables.counters, ['b'], { value: 2 })
      tx.put(tables.counters, ['a'], { value: 1 })
    })
    expect(store.environment.reader.range(tables.counters, [])).toEqual([
      { key: ['a'], row: { value: 1 } },
      { key: ['b'], row: { value: 2 } },
    ])
  })
})

describe('a transactor', () => {
  it('sees what it has written, and has nothing of what it has removed', () => {
    store.write(tx => {
      tx.put(tables.counters, ['x'], { value: 1 })
      expect(tx.get(tables.counters, ['x'])).toEqual({ value: 1 })
      tx.put(tables.counters, ['x'], { value: 2 })
      expect(tx.get(tables.counters, ['x'])).toEqual({ value: 2 })
      expect(tx.has(tables.counters, ['x'])).toBe(true)
      tx.delete(tables.counters, ['x'])
      expect(tx.get(tables.counters, ['x'])).toBeUndefined()
      expect(tx.has(tables.counters, ['x'])).toBe(false)
      tx.delete(tables.counters, ['never there'])
    })
  })

  it('leaves nothing behind when the transaction throws', () => {
    expect(() =>
      store.write(tx => {
        tx.put(tables.counters, ['z'], { value: 1 })
        throw new Error('halfway')
      }),
    ).toThrow('halfway')
    expect(store.environment.reader.has(tables.counters, ['z'])).toBe(false)
  })
})

describe('an environment', () => {
  it('keeps what was written when it is opened again', async () => {
    const first = openTemporary()
    first.write(tx => tx.put(tables.counters, ['kept'], { value: 7 }))
    await first.environment.close()
    const again = openEnvironment({ directory: first.directory, mapSizeBytes: 2 ** 28, readOnly: true })
    expect(again.reader.get(tables.counters, ['kept'])).toEqual({ value: 7 })
    await again.close()
    await first.close()
  })

  it('has no table that tables.ts does not declare', () => {
    expect(() => store.environment.bytes({ name: 'other', mark: 'local', parts: [] })).toThrow('not declared')
  })
})

describe('data that was made with pages of another size', () => {
  it('is opened as it is', async () => {
    const directory = mkdtempSync(join(tmpdir(), 'panda-store-'))
    try {
      const made = open({ path: directory, noSubdir: false, maxDbs: databases.length, pageSize: 4_096 })
      await made.close()
      const environment = openEnvironment({ directory, mapSizeBytes: 2 ** 26 })
      await environment.root.transaction(() => environment.transactor.put(tables.balances, ['revenue'], { msat: 1 }))
      expect(environment.root.getStats()).toMatchObject({ pageSize: 4_096 })
      await environment.close()
      const again = openEnvironment({ directory, mapSizeBytes: 2 ** 26, readOnly: true })
      expect(again.reader.get(tables.balances, ['revenue'])).toEqual({ msat: 1 })
      await again.close()
    } finally {
      rmSync(directory, { recursive: true, force: true })
    }
  })
})
