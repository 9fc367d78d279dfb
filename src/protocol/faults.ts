import type { z } from 'zod'

/** One thing that is wrong with params: `params.records.0.ttlSeconds`, and what was expected there. */
export type ParamsFault = { readonly path: string; readonly message: string }

/** Params as a method takes them, or everything that is wrong with them. */
export type CheckedParams<Params> =
  | { readonly ok: true; readonly params: Params }
  | { readonly ok: false; readonly faults: ParamsFault[] }

/** An unknown key is named, but what a stranger makes up must not fill the answer. */
const maxKeyLength = 64

/**
 * Checks params against a schema. Every fault names its path and what was expected, in plain words; what was found there
 * is never repeated, because it may be private.
 */
export function checkParams<Schema extends z.ZodType>(
  schema: Schema,
  params: unknown,
): CheckedParams<z.output<Schema>> {
  // A schema's own words come before these.
  const parsed = schema.safeParse(params, { error: expectation, reportInput: true })
  if (parsed.success) return { ok: true, params: parsed.data }
  const faults = new Map<string, string>()
  const add = (path: readonly PropertyKey[], message: string) => {
    const text = formatPath(path)
    // What breaks two rules is one mistake.
    if (!faults.has(text)) faults.set(text, message)
  }
  for (const issue of parsed.error.issues) {
    if (issue.code === 'unrecognized_keys') for (const key of issue.keys) add([...issue.path, key], 'unknown key')
    else add(issue.path, `${isMissing(issue) ? 'missing, ' : ''}expected ${issue.message}`)
  }
  return { ok: false, faults: [...faults].map(([path, message]) => ({ path, message })) }
}

/** What was expected where an issue is, as the end of a sentence; `undefined` for what only the schema can tell. */
function expectation(issue: z.core.$ZodRawIssue): string | undefined {
  switch (issue.code) {
    case 'invalid_type':
      return Object.hasOwn(typeWords, issue.expected) ? typeWords[issue.expected] : issue.expected
    case 'too_small':
      return bound('at least', 'more than', issue.minimum, issue)
    case 'too_big':
      return bound('at most', 'less than', issue.maximum, issue)
    case 'invalid_value':
      return `one of ${issue.values.map(String).join(', ')}`
    case 'invalid_union':
      return issue.inclusive === false ? undefined : oneOf(issue.options)
    default:
      return undefined
  }
}

const typeWords: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  record: 'an object',
  null: 'null',
}

/** What a bound counts; numbers are compared as they are. */
const units: Readonly<Record<string, readonly [one: string, many: string]>> = {
  string: ['character', 'characters'],
  array: ['entry', 'entries'],
}

function bound(
  including: string,
  excluding: string,
  limit: number | bigint,
  { origin, inclusive = true }: { origin: string; inclusive?: boolean },
): string {
  const words = `${inclusive ? including : excluding} ${limit}`
  const unit = Object.hasOwn(units, origin) ? units[origin] : undefined
  return unit === undefined ? words : `${words} ${limit === 1 ? unit[0] : unit[1]}`
}

function oneOf(options: readonly unknown[] | undefined): string | undefined {
  return options === undefined ? undefined : `one of ${options.map(String).join(', ')}`
}

/** Where variants are told apart by a key, zod shows the whole object and not the key's value. */
function isMissing(issue: z.core.$ZodIssue): boolean {
  const { input } = issue
  if (issue.code !== 'invalid_union' || issue.discriminator === undefined) return input === undefined
  return typeof input === 'object' && input !== null && !Object.hasOwn(input, issue.discriminator)
}

function formatPath(path: readonly PropertyKey[]): string {
  return ['params', ...path.map(formatKey)].join('.')
}

function formatKey(key: PropertyKey): string {
  const text = String(key).replace(/[\p{Cc}\p{Cs}]/gu, '?')
  return text.length > maxKeyLength ? `${text.slice(0, maxKeyLength)}…` : text
}
