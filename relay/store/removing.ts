import type { Removals } from './removals.ts'
import type { EventStore } from './store.ts'
import type { Writer } from './writer.ts'

/** Does what removals are asked for, a few milliseconds of the writer's time after the other. */
export type Removing = {
  /** There is something to do. */
  wake(): void
  /** Looks whether there is: what an earlier run of the process, or a full disk, has left undone. */
  look(): void
  stop(): void
}

/** Makes it; it does nothing until it is woken or told to look. */
export function createRemoving(options: {
  store: Pick<EventStore, 'forgetRemoved'>
  removals: Removals
  writer: Writer
  /** Hears how many events were removed. */
  removed(count: number): void
  onError(error: unknown): void
}): Removing {
  const { store, removals, writer, removed, onError } = options
  let isUnderWay = false
  let stopped = false

  const wake = () => {
    if (stopped || !removals.watch() || isUnderWay) return
    isUnderWay = true
    writer.submit({
      lane: 'events',
      run: () => removals.step(),
      done: outcome => {
        isUnderWay = false
        // It is still written down, and is tried again at the next look.
        if (!outcome.ok) return onError(outcome.error)
        store.forgetRemoved()
        if (outcome.value !== null) removed(outcome.value)
        wake()
      },
    })
  }
  return {
    wake,
    look: () => {
      if (!isUnderWay && !writer.isBroken()) wake()
    },
    stop: () => {
      stopped = true
    },
  }
}
