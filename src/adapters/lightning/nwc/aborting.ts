/** Acts once when one of the signals aborts, at once if one has; returns how to stop listening. */
export function onAbort(signals: readonly AbortSignal[], act: () => void): () => void {
  const stop = () => {
    for (const signal of signals) signal.removeEventListener('abort', once)
  }
  const once = () => {
    stop()
    act()
  }
  for (const signal of signals) signal.addEventListener('abort', once)
  if (signals.some(signal => signal.aborted)) once()
  return stop
}

/** The value, unless a signal aborts first: then throws what `reason` makes. */
export async function unlessAborted<T>(
  value: Promise<T>,
  signals: readonly AbortSignal[],
  reason: () => Error,
): Promise<T> {
  let stop: () => void = () => undefined
  try {
    return await new Promise<T>((resolve, reject) => {
      value.then(resolve, reject)
      stop = onAbort(signals, () => reject(reason()))
    })
  } finally {
    stop()
  }
}
