/**
 * A signal that aborts after so long. Node 20 collects its own (`AbortSignal.timeout`) as garbage when nothing listens but
 * a signal that was made of it (`AbortSignal.any`), which then never aborts; this one is kept by its timer.
 */
export function timeLimit(ms: number): AbortSignal {
  const controller = new AbortController()
  setTimeout(() => controller.abort(new DOMException('it took too long', 'TimeoutError')), ms).unref()
  return controller.signal
}
