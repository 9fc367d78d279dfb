import { request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest } from 'node:https'
import type { z } from 'zod'
import { timeLimit } from '../time-limit.ts'
import { RateUnavailable } from './port.ts'

const maxBytes = 64 * 1_024

/**
 * Gets a JSON document of at most 64 KiB within 10 seconds if nothing else is said, in the shape that its source documents; follows no redirect.
 * Throws `RateUnavailable` for anything else.
 */
export async function fetchJson<Schema extends z.ZodType>(
  url: URL,
  schema: Schema,
  signal: AbortSignal,
  timeoutMs = 10_000,
): Promise<z.output<Schema>> {
  const text = await fetchText(url, AbortSignal.any([signal, timeLimit(timeoutMs)]))
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
    const answer = await send(url, signal)
    try {
      if (answer.statusCode !== 200) throw new RateUnavailable(`the source answers with status ${answer.statusCode}`)
      const chunks: Buffer[] = []
      let bytes = 0
      for await (const chunk of answer as AsyncIterable<Buffer>) {
        bytes += chunk.length
        if (bytes > maxBytes) throw new RateUnavailable('the source answers without end')
        chunks.push(chunk)
      }
      return Buffer.concat(chunks).toString('utf8')
    } finally {
      answer.destroy()
    }
  } catch (error) {
    if (error instanceof RateUnavailable) throw error
    throw new RateUnavailable(`the source does not answer (${error instanceof Error ? error.name : 'unknown'})`)
  }
}

/** Not by `fetch`, which on Node 20 forgets the signal when garbage is collected while an answer is read. */
function send(url: URL, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const open = url.protocol === 'https:' ? httpsRequest : httpRequest
    const headers = { accept: 'application/json', 'accept-encoding': 'identity', 'user-agent': 'panda' }
    open(url, { headers, signal, agent: false }, resolve)
      // Node tells of a connection that a server takes over by this alone.
      .on('upgrade', (_answer, socket) => {
        socket.destroy()
        reject(new RateUnavailable('the source answers in another protocol'))
      })
      .on('close', () => reject(new RateUnavailable('the source hangs up without an answer')))
      .on('error', reject)
      .end()
  })
}
