import type { NostrEvent } from '../../relay/event.ts'
import type { Applied } from '../../relay/host.ts'
import type { ApplyLocally } from '../../src/pipeline/facts.ts'
import type { Random } from '../system/random.ts'
import type { Faults } from './faults.ts'
import type { Journal } from './journal.ts'
import type { Life, Timeline } from './timeline.ts'

type Task = { readonly run: () => Applied; readonly done: Parameters<ApplyLocally>[1] }

const diskFull = new Error('no space left on the simulated device')

/**
 * The relay's writer as the service sees it: several tasks share a transaction, all of it is there or none, and who asked
 * hears of it once it is flushed. A crash may come at each boundary.
 */
export function createSimulatedWriter(options: {
  journal: Journal
  timeline: Timeline
  random: Random
  faults: Faults
  life: Life
  crash(): void
  /** Hears of what became visible with a commit. */
  stored(commit: number, events: readonly NostrEvent[]): void
  /** Hears that everything up to a commit is on disk. */
  flushed(commit: number): void
}): ApplyLocally {
  const { journal, timeline, random, faults, life, crash, stored, flushed } = options
  const queue: Task[] = []
  let isTaking = false

  const take = () => {
    isTaking = false
    if (faults.crashesAt('before the transaction')) return crash()
    const tasks = queue.splice(0, 1 + random.whole(8))
    if (queue.length > 0) takeSoon()
    const applied: Applied[] = []
    const run = () => {
      applied.length = 0
      for (const task of tasks) applied.push(task.run())
    }
    if (faults.crashesAt('inside the transaction')) {
      undone(run)
      return crash()
    }
    if (faults.runsAgain()) undone(run)
    if (faults.fillsDisk()) {
      undone(run)
      timeline.after(random.whole(100), life, () => {
        for (const { done } of tasks) done({ ok: false, error: diskFull })
      })
      return
    }
    journal.commit(run)
    const commit = journal.commits()
    stored(
      commit,
      applied.flatMap(({ store, storeUntilExpired = [] }) => [...store, ...storeUntilExpired]),
    )
    if (faults.crashesAt('after the commit')) return crash()
    timeline.after(1 + random.whole(random.chance(0.05) ? 2_000 : 15), life, () => flush(commit, tasks, applied))
  }

  /** Runs what leaves nothing behind. */
  const undone = (run: () => void) => {
    try {
      journal.commit(() => {
        run()
        throw diskFull
      })
    } catch (error) {
      if (error !== diskFull) throw error
    }
  }

  const flush = (commit: number, tasks: readonly Task[], applied: readonly Applied[]) => {
    journal.flush(commit)
    flushed(commit)
    if (faults.crashesAt('after the flush')) return crash()
    for (const [index, task] of tasks.entries()) {
      const value = applied[index]
      if (value === undefined) throw new Error('a task was not run')
      value.committed?.()
      task.done({ ok: true, value })
    }
  }

  const takeSoon = () => {
    if (isTaking) return
    isTaking = true
    timeline.after(random.whole(5), life, take)
  }

  return (run, done) => {
    if (!life.alive) return
    queue.push({ run, done })
    takeSoon()
  }
}
