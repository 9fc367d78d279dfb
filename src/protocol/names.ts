/** A name in a domain, both in lower case. */
export type Identifier = { readonly name: string; readonly domain: string }

/** `alice@example.com` */
export function formatIdentifier({ name, domain }: Identifier): string {
  return `${name}@${domain}`
}

/**
 * Splits and lower-cases `alice@example.com`; `null` when it is not one `@` between two parts of visible characters
 * (both become parts of keys, in which a zero byte is an end).
 * Whether the name is allowed is `nameFault`'s word, and whether the domain is ours the store's.
 */
export function parseIdentifier(text: string): Identifier | null {
  const trimmed = text.trim()
  const [name, domain, ...more] = trimmed.toLowerCase().split('@')
  if (!name || !domain || more.length > 0 || /[\s\p{Cc}\p{Cs}]/u.test(trimmed)) return null
  return { name, domain }
}

/** Splits what is known to be an identifier. Throws on anything else: that is a bug of the caller. */
export function splitIdentifier(text: string): Identifier {
  const identifier = parseIdentifier(text)
  if (identifier === null) throw new Error(`${JSON.stringify(text)} is no identifier`)
  return identifier
}

/** What is wrong with a name, as a sentence, or `null`. NIP-05 allows `a-z0-9-_.`; the other rules keep names mail-safe. */
export function nameFault(name: string, limits: { minLength: number; maxLength: number }): string | null {
  if (name.length < limits.minLength) return `a name has at least ${limits.minLength} characters`
  if (name.length > limits.maxLength) return `a name has at most ${limits.maxLength} characters`
  for (const character of name) {
    if (!isNameCharacter(character))
      return `a name is made of a-z, 0-9, "-", "_" and ".", not ${JSON.stringify(character)}`
  }
  if (isPunctuation(name.at(0)) || isPunctuation(name.at(-1))) return 'a name neither begins nor ends with "." or "-"'
  if (name === '_') return 'the name _ is the domain itself (NIP-05)'
  if (name.includes('..')) return 'a name has no two dots in a row'
  if (name.startsWith('xn--')) return 'a name does not begin with "xn--"'
  return null
}

/** What is wrong with a domain, as a sentence, or `null` (RFC 1035 labels of letters, digits and hyphens, in lower case). */
export function domainFault(domain: string): string | null {
  if (domain.length === 0 || domain.length > 253) return 'a domain has 1 to 253 characters'
  for (const label of domain.split('.')) {
    if (label.length === 0 || label.length > 63) return 'a domain label has 1 to 63 characters'
    if (label.startsWith('-') || label.endsWith('-')) return 'a domain label neither begins nor ends with "-"'
    for (const character of label) {
      if (!isLetterOrDigit(character) && character !== '-') return 'a domain label is made of a-z, 0-9 and "-"'
    }
  }
  return null
}

function isNameCharacter(character: string): boolean {
  return isLetterOrDigit(character) || character === '-' || character === '_' || character === '.'
}

function isLetterOrDigit(character: string): boolean {
  return (character >= 'a' && character <= 'z') || (character >= '0' && character <= '9')
}

function isPunctuation(character: string | undefined): boolean {
  return character === '.' || character === '-'
}
