import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openChange } from '../../../src/store/change.ts'
import { tables } from '../../../src/store/tables.ts'
import type { RangeOptions, Transactor } from '../../../src/store/transaction.ts'
import { openTemporary } from './open-environment.ts'

const table = tables.due
type Key = readonly [time: number, kind: string, id: string]

let changed: ReturnType<typeof openTemporary>
let written: ReturnType<typeof openTemporary>
beforeEach(() => {
  changed = openTemporary()
  written = openTemporary()
})
afterEach(async () => {
  await Promise.all([changed.close(), written.close()])
})

const anyKey: fc.Arbitrary<Key> = fc.tuple(
  fc.constantFrom(1, 2, 300),
  fc.constantFrom('a', 'ab', 'ä'),
  fc.constantFrom('x', 'xy', 'é'),
)
const anyWrite = fc.record({ key: anyKey, removes: fc.boolean() })
const anyRange = fc
  .record({
    key: anyKey,
    prefixLength: fc.constantFrom(0, 1, 2),
    limit: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
    reverse: fc.boolean(),
    after: fc.option(anyKey, { nil: undefined }),
    upTo: fc.option(fc.constantFrom(1, 2, 300), { nil: undefined }),
  })
  .map(({ key, prefixLength, limit, reverse, after, upTo }) => {
    const options: RangeOptions = {
      reverse,
      ...(limit === undefined ? {} : { limit }),
      ...(after === undefined ? {} : { after }),
      ...(upTo === undefined || prefixLength > 0 ? {} : { upTo: [upTo] }),
    }
    return { prefix: key.slice(0, prefixLength), options }
  })

function write(tx: Transactor, { key, removes }: { key: Key; removes: boolean }): void {
  if (removes) tx.delete(table, key)
  else tx.put(table, key, {})
}

describe('a change', () => {
  it('reads as if its writes had been made, and then makes them', () => {
    fc.assert(
      fc.property(
        fc.array(anyWrite, { maxLength: 8 }),
        fc.array(anyWrite, { maxLength: 8 }),
        fc.array(anyRange, { minLength: 1, maxLength: 6 }),
        (before, writes, ranges) => {
          for (const { environment } of [changed, written]) {
            environment.root.transactionSync(() => {
              for (const { key } of environment.reader.range(table, [])) environment.transactor.delete(table, key)
              for (const one of before) write(environment.transactor, one)
            })
          }
          const look = (tx: Pick<Transactor, 'get' | 'has' | 'range'>) => ({
            ranges: ranges.map(({ prefix, options }) => tx.range(table, prefix, options)),
            single: [...before, ...writes].map(({ key }) => [tx.has(table, key), tx.get(table, key)]),
          })
          const stored = look(changed.environment.reader)
          const change = openChange(changed.environment)
          for (const one of writes) {
            write(change.tx, one)
            written.environment.root.transactionSync(() => write(written.environment.transactor, one))
          }
          expect(look(change.tx)).toEqual(look(written.environment.reader))
          expect(look(changed.environment.reader)).toEqual(stored)
          changed.environment.root.transactionSync(() => change.write())
          expect(look(changed.environment.reader)).toEqual(look(written.environment.reader))
        },
      ),
    )
  })

  it('lists each key once, in the order of first writes, with what it comes to', () => {
    const { tx, writes } = openChange(changed.environment)
    tx.put(tables.counters, ['b'], { value: 1 })
    tx.put(tables.counters, ['a'], { value: 1 })
    tx.put(tables.balances, ['b'], { msat: 5 })
    tx.delete(tables.counters, ['a'])
    tx.put(tables.counters, ['b'], { value: 2 })
    const shown = writes.map(write => `${write.table.name} ${write.key} ${write.value}`)
    expect(shown).toEqual(['counters b\0 [2]', 'counters a\0 null', 'balances b\0 [5]'])
  })

  it('refuses a row that is none', () => {
    const { tx, writes } = openChange(changed.environment)
    expect(() => tx.put(tables.counters, ['b'], { value: 1.5 })).toThrow('not an integer')
    expect(writes).toEqual([])
  })
})
