import type { Task, Writer } from './writer.ts'

/** Submits a task that finds everything written that was queued before it, blind writes included. */
export function submitAfterBlind<T>(writer: Writer, task: Task<T>): void {
  writer.submitBlind<void>({
    write: () => undefined,
    done: outcome => (outcome.ok ? writer.submit(task) : task.done(outcome)),
  })
}
