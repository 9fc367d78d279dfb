import { z } from 'zod'
import { readAnswer } from '../http-client.ts'
import { LightningUnavailable } from '../port.ts'
import { type Keys, type ReadEvent, readContent } from './envelope.ts'

/** Codes of NIP-47. FEE_LIMIT_EXCEEDED is of its proposed `max_fee` (nips pull request 2444). */
const errorCodes = [
  'RATE_LIMITED',
  'NOT_IMPLEMENTED',
  'INSUFFICIENT_BALANCE',
  'QUOTA_EXCEEDED',
  'RESTRICTED',
  'UNAUTHORIZED',
  'INTERNAL',
  'UNSUPPORTED_ENCRYPTION',
  'PAYMENT_FAILED',
  'FEE_LIMIT_EXCEEDED',
  'NOT_FOUND',
  'OTHER',
] as const

export type ErrorCode = (typeof errorCodes)[number]

/** The wallet's answer to one request. */
export type Answer =
  | { readonly ok: true; readonly result: unknown }
  /** Codes that NIP-47 does not know are OTHER. */
  | { readonly ok: false; readonly code: ErrorCode }

const responseSchema = z.object({
  // Absent from refusals that were made before the request could be read (Alby Hub, nip47/event_handler.go).
  result_type: z.string().nullish(),
  error: z.object({ code: z.enum(errorCodes).catch('OTHER') }).nullish(),
  result: z.unknown().optional(),
})

/** Reads what the wallet wrote. Throws `LightningUnavailable` when it is no answer to a request of this method. */
export function readResponse(keys: Keys, event: ReadEvent, method: string): Answer {
  const text = readContent(keys, event)
  if (text === null) {
    // NIP-04 ends with its initialisation vector.
    const isNip04 = /\?iv=[^?]*$/.test(event.content)
    throw new LightningUnavailable(
      isNip04 ? 'the wallet answers in NIP-04, which is not safe' : "the wallet's answer cannot be read",
    )
  }
  const { result_type: type, error, result } = readAnswer(responseSchema, text)
  if (error) return { ok: false, code: error.code }
  if (type !== method) throw new LightningUnavailable('the wallet answers a request of another method')
  return { ok: true, result }
}

/** The result of a request, in the shape that NIP-47 promises. Throws `LightningUnavailable` for errors and other shapes. */
export function resultOf<Schema extends z.ZodType>(schema: Schema, answer: Answer): z.output<Schema> {
  if (!answer.ok) throw new LightningUnavailable(`the wallet does not do what was asked (${answer.code})`)
  const parsed = schema.safeParse(answer.result)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new LightningUnavailable(
    `the wallet's answer is not as documented: ${issue?.path.join('.')}: ${issue?.message}`,
  )
}
