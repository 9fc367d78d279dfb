import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { NostrEvent } from '../../../relay/event.ts'
import { openScan } from '../../../relay/query/query.ts'
import { type Indexing, startIndexing } from '../../../relay/search/search-index.ts'
import { type EventStore, openEventStore } from '../../../relay/store/store.ts'
import { createWriter, type Writer } from '../../../relay/store/writer.ts'
import { startTime } from '../authors.ts'
import { openTemporaryStore, type TemporaryStore } from '../open-temporary.ts'

let temporary: TemporaryStore
let writer: Writer
let errors: unknown[]
let started: Indexing[]
beforeEach(() => {
  errors = []
  started = []
  temporary = openTemporaryStore()
  writer = createWriter({ root: temporary.root, onError: error => void errors.push(error) })
})
afterEach(async () => {
  for (const indexing of started) indexing.stop()
  await writer.close()
  await temporary.close()
  expect(errors).toEqual([])
})

function start(kinds: number[], store = temporary.store): Indexing {
  const indexing = startIndexing({ store, writer, kinds, onError: error => void errors.push(error) })
  started.push(indexing)
  return indexing
}

const note = (number: number, kind = 1): NostrEvent => ({
  id: number.toString(16).padStart(64, '0'),
  pubkey: 'a'.repeat(63) + (number % 16).toString(16),
  created_at: startTime + (number % 50),
  kind,
  tags: [],
  content: kind === 0 ? JSON.stringify({ name: `panda ${number}` }) : `panda ${number} of kind ${kind}`,
  sig: '0'.repeat(128),
})

const rowsOf = ({ databases }: EventStore) =>
  [...databases.words.getKeys({ start: Buffer.from([1]) })].map(key => key.toString('hex'))

/** The rows of a store in which these events were indexed as they came, and under the same numbers. */
async function rowsIndexedAtOnce(events: readonly NostrEvent[], kinds: number[]): Promise<string[]> {
  const other = openTemporaryStore()
  other.store.searchKinds(kinds)
  for (const event of events) other.put(event)
  const rows = rowsOf(other.store)
  await other.close()
  return rows
}

const many = Array.from({ length: 400 }, (_, index) => note(index, index % 4 === 0 ? 30_023 : index % 4 === 1 ? 7 : 1))

describe('the index of words', () => {
  it('is filled from what is stored', async () => {
    for (const event of many) temporary.put(event)
    await start([1, 30_023]).done
    expect(rowsOf(temporary.store)).toEqual(await rowsIndexedAtOnce(many, [1, 30_023]))
    expect([...openEventStore(temporary.root).searchedKinds()]).toEqual([1, 30_023])
  })

  it.each([
    ['other kinds', [7], [1]],
    ['more', [7], [1, 7]],
    ['fewer', [1, 7], [7]],
    ['none', [1], []],
    ['the same in another order', [1, 7], [7, 1, 7]],
  ])('is made anew when it is to be of %s', async (_case, before, after) => {
    for (const event of many) temporary.put(event)
    await start(before).done
    const store = openEventStore(temporary.root)
    await start(after, store).done
    expect(rowsOf(store)).toEqual(await rowsIndexedAtOnce(many, after))
  })

  it('is made anew when words were told apart in another way', async () => {
    temporary.put(note(2))
    await start([1]).done
    const rows = rowsOf(temporary.store)
    const { words } = temporary.store.databases
    const state = JSON.parse(String(words.get(Buffer.alloc(1)))) as object
    temporary.root.transactionSync(() => {
      words.putSync(Buffer.alloc(1), Buffer.from(JSON.stringify({ ...state, version: 0 })))
      words.putSync(Buffer.from('\u0001old\u0000'.padEnd(30)), Buffer.alloc(0))
    })
    await start([1], openEventStore(temporary.root)).done
    expect(rowsOf(temporary.store)).toEqual(rows)
  })

  it('does not say that it knows all as long as it does not', async () => {
    temporary.put(note(2))
    await start([1]).done
    const hasMore = () => {
      const options = { now: 0, latest: temporary.store.latestSeq(), visible: () => true, seen: null }
      const search = { words: ['nothing'], phrase: 'nothing' }
      const scan = openScan(temporary.store, { kinds: [1], tags: new Map(), limit: 5, search }, options)
      expect(scan.next(() => false)).toBeNull()
      return scan.hasMore()
    }
    expect(hasMore()).toBe(false)
    const { words } = temporary.store.databases
    const state = JSON.parse(String(words.get(Buffer.alloc(1)))) as object
    temporary.root.transactionSync(() => {
      words.putSync(Buffer.alloc(1), Buffer.from(JSON.stringify({ ...state, phase: 'filling' })))
    })
    expect(hasMore()).toBeUndefined()
  })

  it('is left alone when it is right', async () => {
    for (const event of many) temporary.put(event)
    await start([1]).done
    const before = temporary.root.getStats() as { lastTxnId?: number }
    await start([1], openEventStore(temporary.root)).done
    await writer.idle()
    expect(temporary.root.getStats()).toMatchObject({ lastTxnId: before.lastTxnId })
  })

  it('goes on where it was stopped', async () => {
    for (const event of many) temporary.put(event)
    for (let round = 0; ; round++) {
      const store = openEventStore(temporary.root)
      const indexing = start([1, 30_023], store)
      const isDone = await Promise.race([indexing.done.then(() => true), writer.idle().then(() => false)])
      indexing.stop()
      await writer.idle()
      if (isDone) break
      expect(round).toBeLessThan(100)
    }
    expect(rowsOf(temporary.store)).toEqual(await rowsIndexedAtOnce(many, [1, 30_023]))
  })

  it('is right about what comes and goes while it is made', async () => {
    for (const event of many) temporary.put(event)
    await start([7]).done
    const indexing = start([1, 7])
    let isDone = false
    void indexing.done.then(() => {
      isDone = true
    })
    const gone = new Set<string>()
    const came: NostrEvent[] = []
    for (let round = 0; !isDone; round++) {
      const target = many[round * 7]
      const event = note(1_000 + round)
      came.push(event)
      writer.submit({
        lane: 'events',
        run: () => {
          temporary.store.put(event)
          const seq = target === undefined ? undefined : temporary.store.seqOf(Buffer.from(target.id, 'hex'))
          if (seq !== undefined) temporary.store.remove(seq)
        },
        done: () => temporary.store.forgetRemoved(),
      })
      if (target !== undefined) gone.add(target.id)
      await writer.idle()
      await new Promise(resolve => setTimeout(resolve, 1))
    }
    const left = [...many.filter(({ id }) => !gone.has(id)), ...came]
    const withoutNumber = (key: string) => key.slice(0, -12)
    const expected = (await rowsIndexedAtOnce(left, [1, 7])).map(withoutNumber).sort()
    expect(rowsOf(temporary.store).map(withoutNumber).sort()).toEqual(expected)
  })

  it('tries again later, and stops when the relay does', async () => {
    await writer.close()
    const indexing = start([1])
    await new Promise(setImmediate)
    expect(errors.splice(0)).toEqual([expect.any(Error)])
    indexing.stop()
    await indexing.done
  })
})
