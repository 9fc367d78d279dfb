import { z } from 'zod'
import { toHexKey } from '../protocol/fields.ts'

/** Keys that are known, and no others. */
export function section<Shape extends z.ZodRawShape>(shape: Shape) {
  return z.strictObject(shape, 'a section of keys and values')
}

/** Units are in the key's name. */
export function whole(min: number, max: number) {
  const expected = `a whole number from ${min} to ${max}`
  return z.int(expected).min(min, expected).max(max, expected)
}

/** One of some words. */
export function choice<const Values extends readonly [string, ...string[]]>(values: Values) {
  return z.enum(values, `one of ${values.join(', ')}`)
}

/** Text of one line. */
export function line(maxLength: number, expected: string) {
  return z
    .string(expected)
    .regex(/^[^\p{Cc}]+$/u, expected)
    .max(maxLength, `${expected}, of at most ${maxLength} characters`)
}

/** A public key as npub or hex; becomes hex. */
export function key() {
  const expected = 'a public key as npub or 64 hex digits'
  return z.string(expected).transform((text, context) => {
    const hex = toHexKey(text.toLowerCase())
    if (hex === null) context.addIssue({ code: 'custom', message: expected })
    return hex ?? z.NEVER
  })
}

/** Public keys, each once. */
export function keys(max: number) {
  return z
    .array(key(), 'a list of public keys')
    .max(max, `at most ${max} keys`)
    .transform(list => [...new Set(list)])
}
