import { isRejectionCode, type RefusalCode } from '../rejections.ts'
import { json, type Reply } from './reply.ts'

/** How a NIP-01 prefix reads in HTTP; `code` is used where the message names none of its own. */
const statusOfPrefix: Readonly<Record<string, { status: number; code: RefusalCode }>> = {
  invalid: { status: 400, code: 'INVALID_EVENT' },
  pow: { status: 400, code: 'POW_REQUIRED' },
  'auth-required': { status: 401, code: 'AUTH_REQUIRED' },
  restricted: { status: 403, code: 'RESTRICTED' },
  blocked: { status: 403, code: 'BLOCKED' },
  'rate-limited': { status: 429, code: 'RATE_LIMITED' },
  error: { status: 503, code: 'INTERNAL' },
}

/** What is in the body of every refusal; there are no codes but those of the list. */
export function refusalBody(code: RefusalCode, message: string): object {
  return { error: { code, message } }
}

/** A refusal as JSON: `{"error": {"code", "message"}}`. */
export function refusal(
  status: number,
  code: RefusalCode,
  message: string,
  headers?: Readonly<Record<string, string>>,
): Reply {
  return json(status, refusalBody(code, message), headers)
}

/** The refusal that a thrown error becomes: a bug, of which the client learns no more than that. */
export const internalError: Reply = refusal(
  500,
  'INTERNAL',
  'something went wrong here; it may or may not have been done',
)

/** The HTTP form of a relay's `prefix: CODE: text`; without a code of the list the prefix's stands in. */
export function refusalFromMessage(message: string): Reply {
  const [prefix = '', rest] = splitOnce(message)
  const known = Object.hasOwn(statusOfPrefix, prefix) ? statusOfPrefix[prefix] : undefined
  if (known === undefined || rest === undefined) return refusal(400, 'INVALID_EVENT', message)
  const [code = '', text] = splitOnce(rest)
  if (text === undefined || !isRejectionCode(code)) return refusal(known.status, known.code, rest)
  return refusal(known.status, code, text)
}

/** Splits at the first `: `. */
function splitOnce(text: string): [string, string?] {
  const at = text.indexOf(': ')
  return at === -1 ? [text] : [text.slice(0, at), text.slice(at + 2)]
}
