import { z } from 'zod'
import { section } from './fields.ts'

const maxKind = 65_535
const expected = `a kind that is stored, from 0 to ${maxKind}`

const kind = z
  .int(expected)
  .min(0, expected)
  .max(maxKind, expected)
  .refine(kind => kind < 20_000 || kind >= 30_000, expected)

/** The relay's full-text search under `relay.search`; without kinds there is none. */
export const relaySearch = section({
  kinds: z.array(kind, 'a list of kinds').max(100, 'at most 100 kinds').default([0, 30_023]),
}).prefault({})
