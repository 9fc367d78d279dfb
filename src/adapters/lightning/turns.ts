import { LightningUnavailable } from './port.ts'

/** Lets calls that must not overlap happen one after the other. */
export type Turns = {
  /** Acts once no earlier call with this key is under way. Throws `LightningUnavailable` when the signal aborts before. */
  take<T>(key: string, signal: AbortSignal, act: () => Promise<T>): Promise<T>
}

/** For backends that cannot be asked to do a thing only once: within the process, calls with one key take turns. */
export function createTurns(): Turns {
  const last = new Map<string, Promise<void>>()
  return {
    take: async (key, signal, act) => {
      const before = last.get(key)
      let finish = () => {}
      const mine = new Promise<void>(resolve => {
        finish = resolve
      })
      // Whoever gives up waiting still keeps the place, so that the next one waits for those before.
      const done = Promise.all([before, mine]).then(() => undefined)
      last.set(key, done)
      void done.then(() => {
        if (last.get(key) === done) last.delete(key)
      })
      try {
        await until(before, signal)
        return await act()
      } finally {
        finish()
      }
    },
  }
}

async function until(before: Promise<void> | undefined, signal: AbortSignal): Promise<void> {
  if (before !== undefined) {
    let giveUp = () => {}
    const aborted = new Promise<void>(resolve => {
      giveUp = resolve
    })
    signal.addEventListener('abort', giveUp)
    if (signal.aborted) giveUp()
    await Promise.race([before, aborted])
    signal.removeEventListener('abort', giveUp)
  }
  if (signal.aborted) throw new LightningUnavailable('the call was given up before it began')
}
