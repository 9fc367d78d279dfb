/** Wakes whoever waits for something new. */
export type News = {
  announce(): void
  /** Resolves at the next announcement, or when the signal aborts. */
  next(signal: AbortSignal): Promise<void>
}

export function createNews(): News {
  const waiting = new Set<() => void>()
  return {
    announce: () => {
      for (const wake of [...waiting]) wake()
    },
    next: signal =>
      new Promise(resolve => {
        const wake = () => {
          waiting.delete(wake)
          signal.removeEventListener('abort', wake)
          resolve()
        }
        waiting.add(wake)
        signal.addEventListener('abort', wake)
        if (signal.aborted) wake()
      }),
  }
}
