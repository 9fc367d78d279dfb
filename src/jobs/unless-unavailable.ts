import { LightningUnavailable } from '../adapters/lightning/port.ts'

/** The answer, or `null` when the wallet is out of reach; other errors are bugs and pass through. */
export async function unlessUnavailable<T>(answer: Promise<T>): Promise<T | null> {
  try {
    return await answer
  } catch (error) {
    if (isUnavailable(error)) return null
    throw error
  }
}

/** Whether an error says that the wallet gave no answer. */
export function isUnavailable(error: unknown): boolean {
  if (error instanceof LightningUnavailable) return true
  return error instanceof Error && (error.name === 'AbortError' || error.name === 'TimeoutError')
}
