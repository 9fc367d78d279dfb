/**
 * Every reason for which Panda refuses, in precedence order: when several apply, the first is given. One exception: who is
 * over a ration per key or address is told so before anything that costs work is looked at.
 * `http` reasons are about a request over HTTP, or are what a relay's prefix without a code reads as there; `admission`
 * reasons are told before anything is written (`OK false`), `result` reasons in a signed result.
 * Extend the list; never reorder or rename, clients depend on it.
 */
export const rejections = [
  { code: 'STARTING', stage: 'http' },
  { code: 'INVALID_REQUEST', stage: 'http' },
  { code: 'METHOD_NOT_ALLOWED', stage: 'http' },
  { code: 'UNSUPPORTED_MEDIA_TYPE', stage: 'http' },
  { code: 'TOO_LARGE', stage: 'http' },
  { code: 'CLIENT_CLOSED_REQUEST', stage: 'http' },
  { code: 'INVALID_EVENT', stage: 'http' },
  { code: 'POW_REQUIRED', stage: 'http' },
  { code: 'AUTH_REQUIRED', stage: 'http' },
  { code: 'RESTRICTED', stage: 'http' },
  { code: 'BLOCKED', stage: 'http' },
  { code: 'UNSUPPORTED_ENCRYPTION', stage: 'admission' },
  { code: 'ENCRYPTION_REQUIRED', stage: 'admission' },
  { code: 'UNKNOWN_METHOD', stage: 'admission' },
  { code: 'INVALID_PARAMS', stage: 'admission' },
  { code: 'EXPIRED', stage: 'admission' },
  { code: 'RATE_LIMITED', stage: 'admission' },
  { code: 'SUSPENDED', stage: 'admission' },
  { code: 'UNAUTHORIZED', stage: 'result' },
  { code: 'NOT_FOUND', stage: 'result' },
  { code: 'NAME_INVALID', stage: 'result' },
  { code: 'NAME_RESERVED', stage: 'result' },
  { code: 'NAME_TAKEN', stage: 'result' },
  { code: 'NAME_HELD', stage: 'result' },
  { code: 'DOMAIN_CLOSED', stage: 'result' },
  { code: 'CONFLICT', stage: 'result' },
  { code: 'LIMIT_REACHED', stage: 'result' },
  { code: 'COUPON_INVALID', stage: 'result' },
  { code: 'INSUFFICIENT_BALANCE', stage: 'result' },
  { code: 'INVOICE_EXPIRED', stage: 'result' },
  { code: 'ALREADY_PAID', stage: 'result' },
  { code: 'PAYMENT_UNAVAILABLE', stage: 'result' },
  { code: 'PAYMENT_FAILED', stage: 'result' },
  { code: 'NOT_IMPLEMENTED', stage: 'result' },
  { code: 'INTERNAL', stage: 'result' },
] as const

type Listed = (typeof rejections)[number]

/** Any code of the list: HTTP may say them all. */
export type RefusalCode = Listed['code']

/** A code that a command or query can be refused with. */
export type RejectionCode = Exclude<Listed, { stage: 'http' }>['code']

/** Why something was refused: a code for programs, a sentence for people, and what helps to mend it. */
export type Rejection = {
  readonly rejected: true
  readonly code: RejectionCode
  readonly message: string
  readonly details?: Readonly<Record<string, unknown>>
}

/** Makes a refusal to return. Refusals are values; exceptions are bugs. */
export function reject(code: RejectionCode, message: string, details?: Readonly<Record<string, unknown>>): Rejection {
  return details === undefined ? { rejected: true, code, message } : { rejected: true, code, message, details }
}

/** Whether a text, such as a part of a message, is a code that commands and queries are refused with. */
export function isRejectionCode(text: string): text is RejectionCode {
  return rejections.some(({ code, stage }) => code === text && stage !== 'http')
}

/** Whether a value is a refusal. */
export function isRejection(value: unknown): value is Rejection {
  return typeof value === 'object' && value !== null && 'rejected' in value && value.rejected === true
}

/** The NIP-01 message of a refusal at admission: a machine-readable prefix, the code, the sentence. */
export function toOkMessage(rejection: Rejection): string {
  const prefix =
    rejection.code === 'RATE_LIMITED'
      ? 'rate-limited'
      : rejection.code === 'SUSPENDED'
        ? 'restricted'
        : rejection.code === 'INTERNAL'
          ? 'error'
          : 'invalid'
  return `${prefix}: ${rejection.code}: ${rejection.message}`
}
