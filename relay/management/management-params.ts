import { parseIpNetwork } from './ip-networks.ts'

/** One parameter of a management method: `parse` gives `undefined` for what is not expected. */
export type Param<T> = { readonly expected: string; parse(value: unknown): T | undefined }

/** What a method gives back. */
export type MethodOutcome = { readonly result: unknown } | { readonly error: string }

/** A method that checks its params itself. `by` is the operator who calls it. */
export type Method = (params: readonly unknown[], by: string) => Promise<MethodOutcome> | MethodOutcome

/** Makes a method of the params that it takes; others behind them are passed over. */
export function method<Values extends readonly unknown[]>(
  params: { readonly [Index in keyof Values]: Param<Values[Index]> },
  run: (values: Values, by: string) => Promise<MethodOutcome> | MethodOutcome,
): Method {
  return (given, by) => {
    const values: unknown[] = []
    for (const [index, { expected, parse }] of params.entries()) {
      const value = parse(given[index])
      if (value === undefined) return { error: `params[${index}] has to be ${expected}` }
      values.push(value)
    }
    return run(values as unknown as Values, by)
  }
}

/** A public key or an id. */
export const hex64: Param<string> = {
  expected: '64 lower-case hex digits',
  parse: value => (typeof value === 'string' && /^[0-9a-f]{64}$/.test(value) ? value : undefined),
}

export const kindNumber: Param<number> = {
  expected: 'a kind, from 0 to 65535',
  parse: value => (isWhole(value, 65_535) ? value : undefined),
}

/** An address or a network, in its one spelling. */
export const network: Param<string> = {
  expected: 'an IP address or a CIDR network (at least /8 for IPv4, /16 for IPv6)',
  parse: value => (typeof value === 'string' ? parseIpNetwork(value)?.text : undefined),
}

/** Where an icon is; empty for none. */
export const webUrl: Param<string> = {
  expected: 'an http:// or https:// URL',
  parse: value => {
    const url = line(2_048).parse(value)
    if (url === undefined || url === '') return url
    return URL.canParse(url) && /^https?:$/.test(new URL(url).protocol) ? url : undefined
  },
}

/** The id of a role, which goes in tags. */
export const roleId: Param<string> = {
  expected: '1 to 64 letters, digits, _ or -',
  parse: value => (typeof value === 'string' && /^[A-Za-z0-9_-]{1,64}$/.test(value) ? value : undefined),
}

/** Text of one line, which may be empty. */
export function line(maxLength: number): Param<string> {
  return {
    expected: `one line of at most ${maxLength} characters`,
    parse: value => {
      if (typeof value !== 'string' || value.length > maxLength) return undefined
      return /^[^\p{Cc}\p{Surrogate}]*$/u.test(value) ? value : undefined
    },
  }
}

/** The same, or nothing. */
export function optionalLine(maxLength: number): Param<string> {
  const { expected, parse } = line(maxLength)
  return { expected, parse: value => (value === undefined || value === null ? '' : parse(value)) }
}

/** A whole number as it is written in a tag, or nothing. */
export function optionalNumber(max: number): Param<string> {
  return {
    expected: `a whole number from 0 to ${max}`,
    parse: value => {
      if (value === undefined || value === null || value === '') return ''
      const number = typeof value === 'string' && /^\d{1,9}$/.test(value) ? Number(value) : value
      return isWhole(number, max) ? String(number) : undefined
    },
  }
}

function isWhole(value: unknown, max: number): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= max
}
