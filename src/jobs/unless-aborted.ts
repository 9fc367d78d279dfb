/** What comes of a promise, or `otherwise` as soon as a signal aborts; what comes later is ignored. */
export async function unlessAborted<Value>(
  promise: Promise<Value>,
  signal: AbortSignal,
  otherwise: Value,
): Promise<Value> {
  let stop: () => void = () => undefined
  const aborted = new Promise<Value>(resolve => {
    stop = () => resolve(otherwise)
    signal.addEventListener('abort', stop, { once: true })
    if (signal.aborted) stop()
  })
  try {
    return await Promise.race([promise, aborted])
  } finally {
    signal.removeEventListener('abort', stop)
  }
}
