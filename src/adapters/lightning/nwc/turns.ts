import { LightningUnavailable } from '../port.ts'
import { unlessAborted } from './aborting.ts'

/** Lets what is done for one key be done one after the other. */
export type Turns = <T>(key: string, signal: AbortSignal, act: () => Promise<T>) => Promise<T>

/** Throws `LightningUnavailable` when the signal aborts first; what is under way then keeps its place. */
export function createTurns(): Turns {
  const last = new Map<string, Promise<unknown>>()
  return (key, signal, act) => {
    const mine = (last.get(key) ?? Promise.resolve()).catch(() => undefined).then(act)
    last.set(key, mine)
    const leave = () => {
      if (last.get(key) === mine) last.delete(key)
    }
    mine.then(leave, leave)
    return unlessAborted(mine, [signal], () => new LightningUnavailable('the call was given up'))
  }
}
