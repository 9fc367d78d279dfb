import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

setFlagsFromString('--expose-gc')

/** Collects at once whatever nobody can reach any more. */
export const collectGarbage = runInNewContext('gc') as () => void

/** Does so every few milliseconds until what is waited for is there. */
export async function collectingGarbage<T>(result: Promise<T>): Promise<T> {
  const collecting = setInterval(collectGarbage, 20)
  try {
    return await result
  } finally {
    clearInterval(collecting)
  }
}
