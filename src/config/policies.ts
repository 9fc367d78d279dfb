import { z } from 'zod'
import type { PlainSettings, PolicySettings } from '../../relay/policies/settings.ts'
import { choice, keys, line, section, whole } from './fields.ts'

/** A difficulty beyond this, nobody has ever mined. */
const maxBits = 128
const maxKind = 65_535

const expected =
  'a policy whose type is one of allow-authors, deny-authors, allow-kinds, deny-kinds, rate, pow, members, tags, words, any'
const kindOrRange = 'a kind, as in 1, or a range of kinds, as in "20000-29999"'
/** Kinds one by one, and ranges. */
export const kinds = z
  .array(
    z.union(
      [
        z.int(kindOrRange).min(0, kindOrRange).max(maxKind, kindOrRange),
        z
          .string(kindOrRange)
          .regex(/^\d{1,5}-\d{1,5}$/, kindOrRange)
          .transform(text => {
            const [from = 0, to = 0] = text.split('-').map(Number)
            return { from, to }
          })
          .refine(({ from, to }) => from <= to && to <= maxKind, kindOrRange),
      ],
      kindOrRange,
    ),
    'a list of kinds',
  )
  .min(1, 'at least one kind')
  .max(1_000, 'at most 1000 kinds')

const word = line(100, 'a word or phrase').refine(
  text => /[\p{L}\p{N}\p{P}\p{S}]/u.test(text),
  'a word or phrase that can be seen',
)

const authors = keys(100_000).refine(list => list.length > 0, 'at least one key')

const plain = [
  policy('allow-authors', { authors }),
  policy('deny-authors', { authors }),
  policy('allow-kinds', { kinds }),
  policy('deny-kinds', { kinds }),
  policy('rate', {
    per: choice(['key', 'ip', 'connection']),
    perMinute: whole(1, 1_000_000),
    burst: whole(1, 1_000_000).optional(),
  }),
  policy('pow', { bits: whole(1, maxBits), strangersOnly: z.boolean('true or false').optional() }),
  policy('members', {}),
  policy('tags', { max: whole(0, 100_000), name: line(64, 'the name of a tag').optional() }),
  policy('words', {
    words: z.array(word, 'a list of words').min(1, 'at least one word').max(5_000, 'at most 5000 words'),
  }),
] as const

const all = section({ type: z.literal('all'), of: several(z.discriminatedUnion('type', plain, expected)) })
const any = section({
  type: z.literal('any'),
  of: several(z.discriminatedUnion('type', [...plain, all], expected)),
})

/** The relay's policies under `relay.policies`: what the operator has against ordinary events. */
export const relayPolicies = z
  .array(z.discriminatedUnion('type', [...plain, all, any], expected), 'a list of policies')
  .max(100, 'at most 100 policies')
  .default([]) satisfies z.ZodType<readonly PolicySettings[]>

const argument = 'text without zero bytes, of at most 4096 characters'

/** The policy program under `relay.program`, which is run without a shell; without a command there is none. */
export const relayProgram = section({
  command: z
    .array(
      z
        .string(argument)
        .max(4_096, argument)
        .refine(text => !text.includes('\0'), argument),
      'a list: the program and its arguments',
    )
    .max(100, 'at most 100 parts')
    .refine(([program]) => program !== '', 'a program, and then its arguments')
    .default([]),
  timeoutMs: whole(1, 600_000).default(10_000),
}).prefault({})

/** Any policy may be for certain kinds only. */
function policy<const Type extends PlainSettings['type'], Shape extends z.ZodRawShape>(type: Type, shape: Shape) {
  return section({ type: z.literal(type), ...shape, forKinds: kinds.optional() })
}

function several<Item extends z.ZodType>(item: Item) {
  return z.array(item, 'a list of policies').min(1, 'at least one policy').max(100, 'at most 100 policies')
}
