import { AssertionError } from 'node:assert'
import { inspect } from 'node:util'

/** One thing that is shown; `run` says in a line what was seen, and throws when it is not as it should be. */
export type Step = { readonly name: string; run(): Promise<string> }

/**
 * Runs the steps in order, printing each with the time it took, up to the first that fails or until `signal` ends it.
 * Gives the line that sums it up, and whether all went well.
 */
export async function play(
  steps: readonly Step[],
  options: { print(line: string): void; nowMs(): number; signal: AbortSignal },
): Promise<{ ok: boolean; summary: string }> {
  const { print, nowMs, signal } = options
  const startedMs = nowMs()
  for (const [index, { name, run }] of steps.entries()) {
    const beganMs = nowMs()
    const place = `${seconds(beganMs - startedMs)}  ${String(index + 1).padStart(2)}  ${name}`
    try {
      const seen = await orAbort(run, signal)
      print(`${place}  (${Math.round(nowMs() - beganMs)} ms)`)
      print(`             ${seen}`)
    } catch (error) {
      print(`${place}  FAILED`)
      return { ok: false, summary: `demo: step ${index + 1} failed, ${name}: ${reasonOf(error)}` }
    }
  }
  return { ok: true, summary: `demo: ${steps.length} steps, all well` }
}

function orAbort<T>(run: () => Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason)
    if (signal.aborted) return abort()
    signal.addEventListener('abort', abort, { once: true })
    run()
      .then(resolve, reject)
      .finally(() => signal.removeEventListener('abort', abort))
  })
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(2).padStart(6)} s`
}

/** What was wrong; of an assertion its first line and what was seen, since Node's versions differ in the rest. */
function reasonOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (!(error instanceof AssertionError)) return error.message
  const [firstLine] = error.message.split('\n')
  return `${firstLine} (saw ${inspect(error.actual)} instead of ${inspect(error.expected)})`
}
