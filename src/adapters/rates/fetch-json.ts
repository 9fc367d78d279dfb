import type { z } from 'zod'
import { RateUnavailable } from './port.ts'

const timeoutMs = 10_000
const maxBytes = 64 * 1_024

/**
 * Gets a JSON document of at most 64 KiB within 10 seconds, in the shape that its source documents; follows no redirect.
 * Throws `RateUnavailable` for anything else.
 */
export async function fetchJson<Schema extends z.ZodType>(
  url: URL,
  schema: Schema,
  signal: AbortSignal,
): Promise<z.output<Schema>> {
  const text = await fetchText(url, AbortSignal.any([signal, AbortSignal.timeout(timeoutMs)]))
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new RateUnavailable('the source answers with something other than JSON')
  }
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  throw new RateUnavailable(`the source's answer is not as documented: ${parsed.error.issues[0]?.path.join('.')}`)
}

async function fetchText(url: URL, signal: AbortSignal): Promise<string> {
  try {
    const answer = await fetch(url, { signal, redirect: 'error', headers: { accept: 'application/json' } })
    if (answer.status !== 200) {
      await answer.body?.cancel()
      throw new RateUnavailable(`the source answers with status ${answer.status}`)
    }
    const chunks: Uint8Array[] = []
    let bytes = 0
    for await (const chunk of answer.body ?? []) {
      bytes += chunk.length
      if (bytes > maxBytes) throw new RateUnavailable('the source answers without end')
      chunks.push(chunk)
    }
    return Buffer.concat(chunks).toString('utf8')
  } catch (error) {
    if (error instanceof RateUnavailable) throw error
    throw new RateUnavailable(`the source does not answer (${error instanceof Error ? error.name : 'unknown'})`)
  }
}
