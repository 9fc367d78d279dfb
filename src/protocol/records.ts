import { z } from 'zod'
import { identifier, isUrlOf, publicKey } from './fields.ts'

const priority = z.int().min(0).max(65_535).default(0)
const ttlSeconds = z.int().min(60).max(604_800).default(3_600)

/** The typed values an identifier can carry. Values are bounded, validated and normalised here, once. */
export const recordInput = z.discriminatedUnion('type', [
  z.strictObject({ type: z.literal('NOSTR'), value: publicKey, priority, ttlSeconds }),
  z.strictObject({ type: z.literal('CNAME'), value: identifier, priority, ttlSeconds }),
  z.strictObject({
    type: z.literal('URL'),
    value: z
      .string()
      .max(2_048)
      .refine(text => isUrlOf(text, ['https:', 'http:']), 'an http:// or https:// URL'),
    priority,
    ttlSeconds,
  }),
  z.strictObject({
    type: z.literal('TXT'),
    value: z
      .string()
      .min(1)
      .max(1_024)
      .refine(text => !/[^\P{Cc}\t\n\r]|\p{Cs}/u.test(text), 'text without control characters'),
    priority,
    ttlSeconds,
  }),
])

/** All records of an identifier: few and short enough for one name event and one encrypted result (64 KiB, NIP-44). */
export const recordInputs = z
  .array(recordInput)
  .max(32)
  .refine(records => Buffer.byteLength(JSON.stringify(records)) <= 16_384, 'records of at most 16 KiB together')

/** What is wrong with records taken together, as a sentence, or `null`. */
export function recordsFault(records: readonly { type: string; value: string }[]): string | null {
  const aliases = records.filter(entry => entry.type === 'CNAME')
  if (aliases.length > 1) return 'an identifier has at most one CNAME'
  if (aliases.length === 1 && records.some(entry => entry.type === 'NOSTR')) {
    return 'a CNAME takes the place of NOSTR records, so both cannot stand together'
  }
  const seen = new Set(records.map(entry => `${entry.type} ${entry.value}`))
  return seen.size === records.length ? null : 'no record stands twice'
}
