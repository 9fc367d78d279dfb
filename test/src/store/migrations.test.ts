import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { Environment } from '../../../src/store/environment.ts'
import { type Migration, migrate, migrations, schemaVersion } from '../../../src/store/migrations.ts'
import { tables } from '../../../src/store/tables.ts'
import { openTemporary } from './open-environment.ts'

let store: ReturnType<typeof openTemporary>
beforeEach(() => {
  store = openTemporary()
})
afterEach(() => store.close())

const counters = () => store.environment.bytes(tables.counters)
const version = () => store.environment.reader.get(tables.local, ['schema'])?.value
const contents = () => [...counters().getRange({})].map(({ key, value }) => `${key.toString()}=${value.toString()}`)

/** An environment as an older release left it: counters were two numbers, of which only the sum matters now. */
function writeOldShape(): void {
  migrate(store.environment, [], 1)
  store.environment.root.transactionSync(() => {
    for (const name of ['a', 'b', 'c']) {
      counters().putSync(tables.counters.encodeKey([name]), Buffer.from('[1,2]'))
    }
  })
}
const oldContents = ['a\0=[1,2]', 'b\0=[1,2]', 'c\0=[1,2]']
const newContents = ['a\0=[3]', 'b\0=[3]', 'c\0=[3]']

/** Re-encodes the counters, and fails on the way if told so. */
function sumCounters(failAt?: string): Migration {
  return {
    version: 2,
    name: 'counters become one number',
    migrate: (environment: Environment) => {
      const database = environment.bytes(tables.counters)
      const rows = [...database.getRange({})].map(({ key, value }) => ({
        key: Buffer.from(key),
        text: value.toString(),
      }))
      for (const { key, text } of rows) {
        if (failAt !== undefined && key.toString().startsWith(failAt)) throw new Error('power cut')
        const [first, second] = JSON.parse(text) as [number, number]
        database.putSync(key, tables.counters.codec.encode({ value: first + second }))
      }
    },
  }
}

describe('migrate', () => {
  it('gives fresh data the newest version without running any step', () => {
    expect(migrate(store.environment, [sumCounters('a')], 2)).toEqual({ from: null, to: 2 })
    expect(version()).toBe(2)
  })

  it('re-encodes a table and raises the version', () => {
    writeOldShape()
    expect(migrate(store.environment, [sumCounters()], 2)).toEqual({ from: 1, to: 2 })
    expect(contents()).toEqual(newContents)
    expect(store.environment.reader.get(tables.counters, ['b'])).toEqual({ value: 3 })
    expect(version()).toBe(2)
  })

  it.each(['a', 'b', 'c'])('leaves the old shape and version when it fails at row %s, and can be run again', failAt => {
    writeOldShape()
    expect(() => migrate(store.environment, [sumCounters(failAt)], 2)).toThrow('power cut')
    expect(contents()).toEqual(oldContents)
    expect(version()).toBe(1)
    migrate(store.environment, [sumCounters()], 2)
    expect(contents()).toEqual(newContents)
  })

  it('keeps the steps that were done when a later one fails', () => {
    writeOldShape()
    const failing: Migration = { ...sumCounters('a'), version: 3 }
    expect(() => migrate(store.environment, [sumCounters(), failing], 3)).toThrow('power cut')
    expect(contents()).toEqual(newContents)
    expect(version()).toBe(2)
  })

  it('runs every step once, in order, and none beyond the target', () => {
    writeOldShape()
    const ran: number[] = []
    const steps = [1, 2, 3, 4].map(step => ({
      version: step,
      name: `step ${step}`,
      migrate: () => void ran.push(step),
    }))
    migrate(store.environment, steps, 3)
    migrate(store.environment, steps, 3)
    migrate(store.environment, steps, 4)
    migrate(store.environment, steps, 4)
    expect(ran).toEqual([2, 3, 4])
  })

  it('refuses data of a later version and leaves it alone', () => {
    writeOldShape()
    migrate(store.environment, [sumCounters()], 2)
    expect(() => migrate(store.environment, [], 1)).toThrow('schema version 2, this program knows 1: use a newer one')
    expect(contents()).toEqual(newContents)
    expect(version()).toBe(2)
  })

  it('knows a step to every version after the first', () => {
    expect(migrations.map(step => step.version)).toEqual(
      Array.from({ length: schemaVersion - 1 }, (_, index) => index + 2),
    )
  })
})
