import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { type NostrEvent, tagValue } from '../../relay/event.ts'
import type { Secp256k1 } from '../../relay/signatures/secp256k1.ts'
import { hasRightId, parseEvent, verifySignature } from '../../relay/signatures/verify.ts'
import { kinds } from '../protocol/kinds.ts'
import type { Signer } from '../protocol/signer.ts'
import { field, postJson } from './service-http.ts'

/** What the service said to a command or query; `reason` when it refused, or when nothing came that can be believed. */
export type Exchanged =
  | { readonly ok: true; readonly status: string; readonly body: unknown }
  | { readonly ok: false; readonly reason: string }

/** Somebody who talks to a service: where and who it is, and the key that signs. */
export type Correspondent = {
  readonly url: string
  readonly servicePublicKey: string
  readonly secp: Secp256k1
  readonly signer: Signer
}

/** What is asked; `params` is JSON text. */
export type Question = { readonly type: 'command' | 'query'; readonly method: string; readonly params: string }

const limits = { maxTags: 100, maxTagValueLength: 1_024, maxEventBytes: 1_048_576 }
const patienceMs = 60_000
const pauseMs = 500

/**
 * Signs a command or query, encrypted to the service, posts it and opens the signed answer. A command that is pending is
 * sent again, which changes nothing, until its result is there or a minute is over.
 */
export async function exchange(who: Correspondent, question: Question): Promise<Exchanged> {
  const isCommand = question.type === 'command'
  const event = signQuestion(who, question)
  if (event === null) return failed('the key that the service names is no key')
  const url = `${who.url}${isCommand ? '/v1/commands?wait=30' : '/v1/queries'}`
  const deadline = Date.now() + patienceMs
  for (;;) {
    const answered = await postJson(url, JSON.stringify(event))
    if (!answered.ok) return isCommand ? failed(`${answered.reason}; it may have been done (${event.id})`) : answered
    if (answered.status === 200) return openAnswer(who, event, isCommand ? kinds.result : kinds.answer, answered.body)
    if (answered.status !== 202) return failed(refusalOf(answered.status, answered.body))
    if (Date.now() >= deadline) return failed(`accepted, but there is no result yet; the command is ${event.id}`)
    await delay(pauseMs)
  }
}

/** Everything goes encrypted: private methods ask for it, and nobody else needs to read the others. */
function signQuestion({ servicePublicKey, signer }: Correspondent, question: Question): NostrEvent | null {
  const { type, method, params } = question
  const kind = type === 'command' ? kinds.command : kinds.query
  // There is no id before there is content: what makes the nonce unique is random.
  const commandId = randomBytes(32).toString('hex')
  const content = signer.seal(params, { commandId, kind, recipient: servicePublicKey, index: 0 })
  if (content === null) return null
  const tags = [
    ['p', servicePublicKey],
    ['method', method],
    ['encryption', 'nip44_v2'],
  ]
  return signer.sign({ kind, created_at: Math.floor(Date.now() / 1_000), tags, content })
}

/** The body of an answer that the service has signed for this very event. */
function openAnswer(who: Correspondent, event: NostrEvent, kind: number, value: unknown): Exchanged {
  const parsed = parseEvent(value, limits)
  if (!parsed.ok) return failed('the service answered with something that is no event')
  const { event: answer } = parsed
  if (!hasRightId(answer) || answer.pubkey !== who.servicePublicKey || verifySignature(answer, who.secp) === null) {
    return failed('the answer is not signed by the service')
  }
  if (answer.kind !== kind || tagValue(answer, 'e') !== event.id) return failed('the answer is to something else')
  const isSealed = tagValue(answer, 'encryption') !== undefined
  const text = isSealed ? who.signer.open(answer.content, who.servicePublicKey) : answer.content
  if (text === null) return failed('the answer cannot be decrypted')
  try {
    return { ok: true, status: tagValue(answer, 'status') ?? '', body: JSON.parse(text) }
  } catch {
    return failed('the answer is not JSON')
  }
}

/** `{"error": {"code", "message"}}` as a line. */
function refusalOf(status: number, body: unknown): string {
  const error = field(body, 'error')
  const [code, message] = [field(error, 'code'), field(error, 'message')]
  return typeof code === 'string' && typeof message === 'string' ? `${code}: ${message}` : `HTTP ${status}`
}

function failed(reason: string): Exchanged {
  return { ok: false, reason }
}
