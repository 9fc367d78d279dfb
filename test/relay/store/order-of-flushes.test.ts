import type { RootDatabase } from 'lmdb'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { pendingWrites } from '../../../relay/store/pending-writes.ts'
import { createWriter } from '../../../relay/store/writer.ts'
import { openTemporaryRoot } from '../open-temporary.ts'

let temporary: ReturnType<typeof openTemporaryRoot>
beforeEach(() => {
  temporary = openTemporaryRoot({ isFlushed: true })
})
afterEach(() => temporary.close())

const bytes = (text: string) => Buffer.from(text)
const turn = () => new Promise(setImmediate)

/** The database, of which the first flush ends when it is told to, and transactions of some numbers fail. */
function withFaults(failing: readonly number[] = []) {
  let flushes = 0
  let batches = 0
  let settle: (error?: Error) => void = () => undefined
  const first = new Promise<void>((resolve, reject) => {
    settle = error => (error === undefined ? resolve() : reject(error))
  })
  const root = new Proxy(temporary.root, {
    get: (target, name) => {
      const value: unknown = Reflect.get(target, name)
      if (name === 'flushed') return ++flushes === 1 ? first : value
      if (name === 'batch' && failing.includes(++batches)) return () => Promise.reject(new Error('no space'))
      return typeof value === 'function' ? value.bind(target) : value
    },
  }) as RootDatabase
  return { root, endFirstFlush: (error?: Error) => settle(error) }
}

describe('two transactions, of which the later one is said to be flushed first', () => {
  it('show tasks what the later one wrote', async () => {
    const { root, endFirstFlush } = withFaults()
    const pending = pendingWrites(root)
    const rows = pending.open('rows')
    pending.run(() => rows.putSync(bytes('balance'), bytes('100')))
    const first = pending.commit()
    while (rows.get(bytes('balance')) === undefined) await turn()
    pending.run(() => rows.putSync(bytes('balance'), bytes('40')))
    await pending.commit()
    expect(pending.run(() => rows.get(bytes('balance'))?.toString())).toBe('40')
    expect(pending.run(() => [...rows.getRange({})].map(({ value }) => value.toString()))).toEqual(['40'])
    endFirstFlush()
    await first
    expect(pending.run(() => rows.get(bytes('balance'))?.toString())).toBe('40')
  })
})

describe('a flush that fails when transactions after it are visible', () => {
  it('leaves a writer that writes nothing more', async () => {
    const { root, endFirstFlush } = withFaults([2])
    const errors: unknown[] = []
    const writer = createWriter({ root, onError: error => errors.push(error) })
    const rows = pendingWrites(root).open('rows')
    const told = new Map<string, boolean>()
    const submit = (name: string) => {
      const done = ({ ok }: { ok: boolean }) => void told.set(name, ok)
      writer.submit({ lane: 'events', run: () => rows.putSync(bytes(name), bytes(name)), done })
    }
    const untilTold = async (count: number) => {
      while (told.size < count) await turn()
    }
    submit('a')
    while (rows.get(bytes('a')) === undefined) await turn()
    for (let index = 0; index < 8; index++) submit(`b${index}`)
    await untilTold(8)
    for (let index = 0; index < 8; index++) submit(`c${index}`)
    await untilTold(16)
    endFirstFlush(new Error('the disk is broken'))
    await untilTold(17)
    expect([told.get('a'), told.get('b0'), told.get('c0')]).toEqual([false, false, true])
    expect(writer.isBroken()).toBe(true)
    expect(errors.length).toBeGreaterThanOrEqual(2)
    await writer.close()
  })
})
