import { nip19 } from 'nostr-tools'
import { z } from 'zod'
import { domainFault, formatIdentifier, parseIdentifier } from './names.ts'

/** The fields that params are made of: shapes with bounds, normalised, each with what was expected. */

/** 32 bytes as 64 lower-case hex digits. */
export const hash = z.string().regex(/^[0-9a-f]{64}$/, '64 lower-case hex digits')

/** The id of an order, invoice, ticket or posting: 32 lower-case hex digits. */
export const ref = z.string().regex(/^[0-9a-f]{32}$/, '32 lower-case hex digits')

/** A public key, hex or npub (NIP-19); becomes hex. */
export const publicKey = z
  .string()
  .max(128)
  .transform((text, context) => {
    const hex = toHexKey(text)
    if (hex === null) {
      context.addIssue({ code: 'custom', message: 'a public key as 64 lower-case hex digits or npub' })
      return z.NEVER
    }
    return hex
  })

/** `name@domain`; becomes lower case. Which names are allowed is decided where the settings are known. */
export const identifier = z
  .string()
  .max(320)
  .transform((text, context) => {
    const parsed = parseIdentifier(text)
    if (parsed === null) {
      context.addIssue({ code: 'custom', message: 'an identifier such as alice@example.com' })
      return z.NEVER
    }
    return formatIdentifier(parsed)
  })

/** A Lightning address (LUD-16), not on Tor and by name; becomes lower case. */
export const lightningAddress = z
  .string()
  .max(320)
  .transform(text => text.trim().toLowerCase())
  .refine(isLightningAddress, 'a Lightning address such as alice@example.com')

/** A domain name; becomes lower case. */
export const domain = z
  .string()
  .max(253)
  .transform(text => text.toLowerCase())
  .refine(text => domainFault(text) === null, 'a domain name of letters, digits, hyphens and dots')

/** An amount of money in millisatoshi that is more than nothing; above 1,000 bitcoin it is taken for a slip. */
export const amountMsat = z.int().min(1).max(100_000_000_000_000)

/** Unix seconds. */
export const time = z
  .int()
  .min(0)
  .max(2 ** 40)

/** Page of a list: how many at most, and the `next` of the page before. */
export const page = { limit: z.int().min(1).max(100).default(50), after: z.string().max(512).optional() }

/** A websocket URL of a relay. */
export const relayUrl = z
  .string()
  .max(256)
  .refine(text => isUrlOf(text, ['wss:', 'ws:']), 'a ws:// or wss:// URL')

/** LUD-16. What ends in a number may be read as an IP address, and names under `.onion` cannot be reached from here. */
function isLightningAddress(text: string): boolean {
  const parsed = parseIdentifier(text)
  // A name of dots alone would be a step within the path that it is asked at.
  const isName = parsed !== null && /^[a-z0-9_.-]{1,64}$/.test(parsed.name) && !/^\.+$/.test(parsed.name)
  if (!isName || domainFault(parsed.domain) !== null) return false
  const [top = '', ...below] = parsed.domain.split('.').reverse()
  return below.length > 0 && !/^[0-9]/.test(top) && top !== 'onion'
}

/** The hex key of an npub or hex key, or `null`. */
export function toHexKey(text: string): string | null {
  if (/^[0-9a-f]{64}$/.test(text)) return text
  if (!text.startsWith('npub1')) return null
  try {
    const decoded = nip19.decode(text)
    return decoded.type === 'npub' ? decoded.data : null
  } catch {
    // The bech32 decoder throws on a bad checksum or character: not a key.
    return null
  }
}

/** Whether the text is an absolute URL of one of these protocols, without user, password or control characters. */
export function isUrlOf(text: string, protocols: readonly string[]): boolean {
  if (!URL.canParse(text) || /[\s\p{Cc}\p{Cs}]/u.test(text)) return false
  const url = new URL(text)
  return protocols.includes(url.protocol) && url.username === '' && url.password === '' && url.hostname !== ''
}
