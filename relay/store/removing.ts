import type { IsProtected } from '../host.ts'
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
  isProtected: IsProtected
  /** Hears how many events were removed. */
  removed(count: number): void
  onError(error: unknown): void
}): Removing {
  const { store, removals, writer, isProtected, removed, onError } = options
  let isUnderWay = false
  let stopped = false

  const wake = () => {
    if (isUnderWay || stopped) return
    isUnderWay = true
    writer.submit({
      lane: 'events',
      run: () => removals.step(isProtected),
      done: outcome => {
        isUnderWay = false
        // It is still written down, and is tried again at the next look.
        if (!outcome.ok) return onError(outcome.error)
        if (outcome.value === null) return
        store.forgetRemoved()
        removed(outcome.value)
        wake()
      },
    })
  }
  return {
    wake,
    look: () => {
      if (!isUnderWay && !writer.isBroken() && removals.isAny()) wake()
    },
    stop: () => {
      stopped = true
    },
  }
}
