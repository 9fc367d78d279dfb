import type { NostrEvent } from './event.ts'
import type { IsProtected } from './host.ts'
import type { Prepared } from './store/prepared.ts'
import { rowsPerTask } from './store/rows-per-task.ts'
import type { EventStore, Stored } from './store/store.ts'
import type { Outcome, Writer } from './store/writer.ts'

/** What came of a deletion request. `barred`: an operator has banned its author while it was under way. */
export type Deleted = Stored | { readonly status: 'barred'; readonly message: string }

/**
 * Does what a deletion request (NIP-09) asks and then stores it, in as many tasks of the writer as that takes, since what it
 * names may have thousands of rows each. Once a task fails nothing more is done, and nothing has to be undone: its author
 * asked for what was done, and a request that is not stored may be sent again.
 */
export type Deleting = (request: Prepared, done: (outcome: Outcome<Deleted>) => void) => void

/** Makes it; `barred` is asked before each task but the first, which is queued before any ban that comes later. */
export function createDeleting(options: {
  store: EventStore
  writer: Writer
  isProtected: IsProtected
  barred(event: NostrEvent): string | null
}): Deleting {
  const { store, writer, isProtected, barred } = options

  /** What came of the request, or the tag that is next. */
  const deleteSome = (request: Prepared, from: number): Stored | number => {
    const fault = store.deletionFault(request)
    if (fault !== null) return fault
    const { event, indexKeys } = request
    const { next, rows } = store.applyDeletion(event, isProtected, from)
    const leavesRoom = rows === 0 || rows + indexKeys.length <= rowsPerTask
    return next === event.tags.length && leavesRoom ? store.putPrepared(request) : next
  }

  const deleteFrom = (from: number, request: Prepared, done: (outcome: Outcome<Deleted>) => void) => {
    writer.submit<Stored | number>({
      lane: 'events',
      run: () => deleteSome(request, from),
      done: outcome => {
        if (!outcome.ok) return done(outcome)
        const { value } = outcome
        if (typeof value !== 'number') return done({ ok: true, value })
        store.forgetRemoved()
        const message = barred(request.event)
        if (message !== null) return done({ ok: true, value: { status: 'barred', message } })
        deleteFrom(value, request, done)
      },
    })
  }

  return (request, done) => deleteFrom(0, request, done)
}
