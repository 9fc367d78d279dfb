import { createPassingMap } from './passing-map.ts'
import type { Done } from './submitted.ts'

/** Events under way: whoever sends one of them again hears what the first hears, once it is durable. */
export type InFlight = {
  /** Waits for an event that is under way; `false` when it is not. */
  join(id: string, done: Done): boolean
  /** Says that an event is under way; what is returned ends that, and tells everybody. */
  begin(id: string, done: Done): Done
}

/** Makes the register. */
export function createInFlight(): InFlight {
  const waiting = createPassingMap<string, Done[]>()
  return {
    join: (id, done) => {
      const others = waiting.get(id)
      others?.push(done)
      return others !== undefined
    },
    begin: (id, done) => {
      const all = [done]
      waiting.set(id, all)
      return outcome => {
        if (waiting.get(id) === all) waiting.delete(id)
        for (const tell of all) tell(outcome)
      }
    },
  }
}
