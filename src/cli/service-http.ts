import { timeLimit } from '../adapters/time-limit.ts'
import { readStream } from '../http/read-body.ts'
import { messageOf } from './failure.ts'

/** What a service answered over HTTP, or why nothing came of it. */
export type Answered =
  | { readonly ok: true; readonly status: number; readonly body: unknown }
  | { readonly ok: false; readonly reason: string }

/** Longer than the longest wait for a result that a service allows. */
const timeoutMs = 40_000
/** An answer is encrypted in one piece of at most 64 KiB; the schemas of all methods are somewhat more. */
const maxAnswerBytes = 1_048_576

/** The service's public key in hex, from its relay information document (NIP-11). */
export async function readServiceKey(
  url: string,
): Promise<{ readonly ok: true; readonly publicKey: string } | { readonly ok: false; readonly reason: string }> {
  const answered = await ask(url, { headers: { accept: 'application/nostr+json' } })
  if (!answered.ok) return answered
  const publicKey = field(answered.body, 'self')
  if (typeof publicKey === 'string' && /^[0-9a-f]{64}$/.test(publicKey)) return { ok: true, publicKey }
  return { ok: false, reason: `${url} names no service key: is it a Panda service?` }
}

/** Posts a JSON body and reads the JSON answer, whatever its status. */
export function postJson(url: string, body: string): Promise<Answered> {
  return ask(url, { method: 'POST', headers: { 'content-type': 'application/json' }, body })
}

/** A field of what came off the wire. */
export function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
}

async function ask(url: string, request: RequestInit): Promise<Answered> {
  let status: number
  let text: string
  try {
    const response = await fetch(url, { ...request, redirect: 'error', signal: timeLimit(timeoutMs) })
    status = response.status
    const body = await readStream(response.body, maxAnswerBytes)
    if (!body.ok)
      return { ok: false, reason: `${url} answered with what is no JSON (${body.reason}): is it a Panda service?` }
    text = body.text
  } catch (error) {
    // Fetch says only that it failed; the cause says why.
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error
    return { ok: false, reason: `${url} cannot be asked: ${messageOf(cause)}` }
  }
  try {
    return { ok: true, status, body: JSON.parse(text) }
  } catch {
    return { ok: false, reason: `${url} answered with HTTP ${status} and no JSON: is it a Panda service?` }
  }
}
