import type { RootDatabase } from 'lmdb'
import { relayDatabaseNames } from './databases.ts'
import { pendingWrites } from './pending-writes.ts'

/** Commits of what tasks have written, each with a number by which one knows whether readers see it. */
export type Commits = {
  /** Begins one; `flushed` fails when it has failed, or has not ended in time. At most `maxCommits` at once. */
  begin(): { readonly number: number; readonly flushed: Promise<void> }
  /** Whether readers see it. Where nothing can be read, there is nothing to see. */
  isVisible(number: number): boolean
  /** Whether nobody knows what became of one that failed so: it is visible though not flushed, or has not ended. */
  isUnknown(number: number, error: unknown): boolean
  /** Whether one that has been flushed is not there any more: something else has written in the file. */
  isAnyLost(): boolean
}

/** One is being flushed while the next is being committed. */
export const maxCommits = 2
/** Where each of those under way leaves its number. */
const numberKeys = ['transaction', 'transaction-2'].map(name => Buffer.from(name))
const stuck = new Error('LMDB has not ended a commit')

/** Makes them, for the writer. After `stuckMs` a commit that has not ended fails. */
export function createCommits(root: RootDatabase, stuckMs: number): Commits {
  const pending = pendingWrites(root)
  const numbers = pending.open(relayDatabaseNames.writer)
  const numberAt = (key: Buffer) => numbers.get(key)?.readUIntBE(0, 6) ?? 0
  let last = Math.max(...numberKeys.map(numberAt))
  /** By place, the last that has been flushed. */
  const flushed = numberKeys.map(numberAt)
  const areThere = () => numberKeys.every((key, place) => numberAt(key) >= (flushed[place] ?? 0))

  const isVisible = (number: number): boolean => {
    try {
      // There may be the number of a later one, which stands on this.
      return numberAt(keyOf(number)) >= number
    } catch {
      return false
    }
  }

  /** LMDB never answers for a transaction that it could not begin. */
  const inTime = async (commit: Promise<void>): Promise<void> => {
    let timer: NodeJS.Timeout | undefined
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(stuck), stuckMs)
    })
    try {
      await Promise.race([commit, late])
    } finally {
      clearTimeout(timer)
    }
  }

  return {
    begin: () => {
      const number = ++last
      pending.run(() => numbers.putSync(keyOf(number), numberValue(number)))
      const ended = inTime(pending.commit()).then(() => {
        flushed[number % maxCommits] = number
      })
      return { number, flushed: ended }
    },
    isVisible,
    isUnknown: (number, error) => {
      if (error === stuck) return true
      try {
        // LMDB itself begins a new look only after a commit that went well.
        root.resetReadTxn()
      } catch {
        return false
      }
      return isVisible(number)
    },
    isAnyLost: () => {
      if (areThere()) return false
      // What has been looked at may be from before.
      root.resetReadTxn()
      return !areThere()
    },
  }
}

/**
 * Why a commit failed (no space, a broken disk), which LMDB gives as a promise of its own that is rejected with it: one
 * that nobody looks at would end the process.
 */
export function causeOf(error: unknown): Promise<unknown> | undefined {
  if (!(error instanceof Error) || !('commitError' in error)) return undefined
  return error.commitError instanceof Promise ? error.commitError : undefined
}

function keyOf(number: number): Buffer {
  return numberKeys[number % maxCommits] ?? Buffer.alloc(0)
}

function numberValue(number: number): Buffer {
  const value = Buffer.alloc(6)
  value.writeUIntBE(number, 0, 6)
  return value
}
