import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { open, type RootDatabase } from 'lmdb'
import type { NostrEvent } from '../../relay/event.ts'
import { type EventStore, openEventStore, type Stored } from '../../relay/store/store.ts'

/** An LMDB environment in a directory of its own, open as the service's is; `close` removes both. */
export function openTemporaryRoot({ isFlushed = false } = {}): { root: RootDatabase; close(): Promise<void> } {
  const directory = mkdtempSync(join(tmpdir(), 'panda-relay-'))
  const root = open({
    path: directory,
    noSubdir: false,
    mapSize: 2 ** 28,
    // Nothing here survives the test, so nothing has to wait for the disk, unless a test is about that.
    noSync: !isFlushed,
    eventTurnBatching: false,
    maxDbs: 32,
    keyEncoding: 'binary',
    encoding: 'binary',
  })
  return {
    root,
    close: async () => {
      await root.close()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}

/** An event store of its own, with its writes done as the relay does them, at once. */
export type TemporaryStore = {
  readonly root: RootDatabase
  readonly store: EventStore
  /** Stores an event, with what it deletes, and has it delivered. */
  put(event: NostrEvent, kept?: boolean): Stored['status']
  /** A store opened anew on the same data. */
  reopen(): EventStore
  /** Removes what has expired, up to about so many rows; says how many events. */
  sweep(now: number, maxRows?: number): number
  /** Empties the store, which is cheaper than opening another. */
  clear(): void
  close(): Promise<void>
}

/** Opens a store; `isProtected` says what neither deletions nor removals touch. */
export function openTemporaryStore(
  isProtected: (event: { kind: number; pubkey: string }) => boolean = () => false,
): TemporaryStore {
  const { root, close } = openTemporaryRoot()
  const store = openEventStore(root, undefined, isProtected)
  return {
    root,
    store,
    put: (event, kept) => {
      const stored = root.transactionSync(() => {
        const outcome = store.put(event, kept)
        if (outcome.status !== 'stored' || event.kind !== 5) return outcome
        for (let next = 0; next < event.tags.length; ) next = store.applyDeletion(event, isProtected, next).next
        return outcome
      })
      if (stored.status === 'stored') store.markDelivered(stored.seq, stored.record)
      store.forgetRemoved()
      return stored.status
    },
    reopen: () => openEventStore(root),
    sweep: (now, maxRows) => root.transactionSync(() => store.sweepExpired(now, maxRows)),
    clear: () =>
      root.transactionSync(() => {
        for (const database of Object.values(store.databases))
          for (const key of [...database.getKeys({})]) database.removeSync(Buffer.from(key))
      }),
    close,
  }
}
