import { once } from 'node:events'
import type { Readable } from 'node:stream'

/** Standard input and output as streams. */
export type Stdio = {
  readonly input: Readable
  /** Resolves when more may be written; `false`: nobody reads any more. */
  write(bytes: Buffer): Promise<boolean>
}

/** Those of this process. A reader that goes away (`| head`) is the end, not an error. */
export function processStdio(): Stdio {
  const { stdin, stdout } = process
  let isGone = false
  const gone = new Promise<void>((resolve, reject) => {
    stdout.on('error', (error: NodeJS.ErrnoException) => {
      isGone = true
      if (error.code === 'EPIPE') resolve()
      else reject(error)
    })
  })
  // A rejection is for the next write to throw.
  gone.catch(() => undefined)
  return {
    input: stdin,
    write: async bytes => {
      if (!stdout.write(bytes)) await Promise.race([once(stdout, 'drain').catch(() => gone), gone])
      // Whether a reader has gone is told on a later turn.
      else await new Promise(setImmediate)
      if (isGone) await gone
      return !isGone
    },
  }
}
