import { z } from 'zod'
import { defaultLimits } from '../../relay/limits.ts'

type Limits<Defaults> = { readonly [Key in keyof Defaults]: number }

/**
 * The section of a component's limits: its own keys, whose defaults stay with the component. Units are in the keys' names.
 */
export function limitsSection<const Defaults extends Readonly<Record<string, number>>>(
  defaults: Defaults,
): z.ZodPrefault<z.ZodType<Limits<Defaults>>> {
  // Nothing is 0, which some libraries take for no limit at all.
  const expected = 'a whole number from 1 to 1000000000'
  const limit = z.int(expected).min(1, expected).max(1_000_000_000, expected)
  const shape = Object.fromEntries(Object.entries(defaults).map(([key, value]) => [key, limit.default(value)]))
  // The type of what was built from entries is lost: the keys are those of the defaults.
  const section = z.strictObject(shape, 'a section of keys and values') as unknown as z.ZodType<Limits<Defaults>>
  return section.prefault({})
}

/** The relay's limits under `relay.limits`. */
export const relayLimits = limitsSection(defaultLimits)
