import type { JobRequest } from '../domain/jobs.ts'
import { tables } from '../store/tables.ts'
import type { Reader } from '../store/transaction.ts'
import type { Job } from './job.ts'

type Type = JobRequest['type']

/** The jobs of the table that are known, by their ids, how often each was tried in vain, and which of them can be tried now. */
export type JobQueue = {
  /** Looks at some of the jobs that came since the last look; `false`: there are more. Those that were known are not read again. */
  look(): boolean
  /** The job of a kind whose turn it is; `undefined`: none can be tried now. */
  next(type: Type): Job | undefined
  /** Notes that a try was in vain; gives how many had been before. */
  failed(id: string): number
  /** Lets a known job be tried again, after those that wait already. */
  again(id: string, type: Type): void
  /** It is done. */
  forget(id: string): void
}

/** How many jobs are looked at in one piece. */
const jobsAtOnce = 256
const timeDigits = 10

/** Begins with an empty memory, so that the first looks go through the whole table. */
export function createJobQueue(reader: Reader): JobQueue {
  const known = new Map<string, number>()
  const ready = new Map<string, string[]>()
  /** Everything up to here has been looked at. */
  let seen: string | null = null
  let newest: string | null = null

  const again = (id: string, type: string) => {
    const ids = ready.get(type)
    if (ids === undefined) ready.set(type, [id])
    else ids.push(id)
  }

  return {
    look: () => {
      const page = reader.range(tables.jobs, [], { limit: jobsAtOnce, ...(seen === null ? {} : { after: [seen] }) })
      for (const { key, row } of page) {
        const [id] = key
        seen = id
        if (newest === null || id > newest) newest = id
        if (known.has(id)) continue
        known.set(id, 0)
        again(id, row.type)
      }
      if (page.length === jobsAtOnce) return false
      // Ids begin with log time, which never goes back, and within a second have no order.
      seen = newest === null ? null : newest.slice(0, timeDigits).padEnd(newest.length, '0')
      return true
    },
    next: type => {
      for (let id = ready.get(type)?.shift(); id !== undefined; id = ready.get(type)?.shift()) {
        const row = reader.get(tables.jobs, [id])
        if (row !== undefined) return { id, ...row } as Job
        known.delete(id)
      }
      return undefined
    },
    failed: id => {
      const before = known.get(id) ?? 0
      known.set(id, before + 1)
      return before
    },
    again,
    forget: id => void known.delete(id),
  }
}
