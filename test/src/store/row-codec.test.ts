import { isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { rowCodec } from '../../../src/store/row-codec.ts'

const schema = z.object({
  name: z.string(),
  count: z.int(),
  on: z.boolean(),
  maybe: z.string().nullable(),
  kind: z.enum(['a', 'b']),
  tags: z.array(z.array(z.string())),
  inner: z.array(z.object({ x: z.int(), y: z.object({ z: z.string().nullable() }) })),
  choice: z.discriminatedUnion('type', [
    z.object({ type: z.literal('left'), value: z.int() }),
    z.object({ type: z.literal('right'), text: z.string(), more: z.array(z.int()) }),
  ]),
  free: z.unknown(),
})
type Row = z.infer<typeof schema>
const codec = rowCodec(schema)

const text = fc.string({ unit: 'binary', maxLength: 20 })
const int = fc.maxSafeInteger().map(value => value + 0)
const anyJson = fc.jsonValue({ maxDepth: 3 }).map(value => JSON.parse(JSON.stringify(value)) as unknown)
/** Objects as our own code makes them. */
const ordinary = { noNullPrototype: true }
const anyRow: fc.Arbitrary<Row> = fc.record(
  {
    name: text,
    count: int,
    on: fc.boolean(),
    maybe: fc.option(text),
    kind: fc.constantFrom('a', 'b'),
    tags: fc.array(fc.array(text, { maxLength: 3 }), { maxLength: 3 }),
    inner: fc.array(fc.record({ x: int, y: fc.record({ z: fc.option(text) }, ordinary) }, ordinary), { maxLength: 3 }),
    choice: fc.oneof(
      fc.record({ type: fc.constant('left' as const), value: int }, ordinary),
      fc.record({ type: fc.constant('right' as const), text, more: fc.array(int, { maxLength: 3 }) }, ordinary),
    ),
    free: anyJson,
  },
  ordinary,
)

/** The same value with the keys of every object the other way round. */
function reversed(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reversed)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).reverse()
  return Object.fromEntries(entries.map(([key, inner]) => [key, reversed(inner)]))
}

describe('rows', () => {
  it('come back as they went in', () => {
    fc.assert(
      fc.property(anyRow, row => {
        expect(codec.decode(codec.encode(row))).toEqual(row)
      }),
    )
  })

  it('have the same bytes in whatever order their fields were set', () => {
    fc.assert(
      fc.property(anyRow, row => {
        expect(codec.encode(reversed(row) as Row)).toEqual(codec.encode(row))
      }),
    )
  })

  it('have different bytes when they differ', () => {
    fc.assert(
      fc.property(anyRow, anyRow, fc.subarray(['name', 'maybe', 'inner', 'choice', 'free']), (a, b, fields) => {
        const mixed = { ...a, ...Object.fromEntries(fields.map(field => [field, b[field as keyof Row]])) }
        expect(codec.encode(a).equals(codec.encode(mixed))).toBe(isDeepStrictEqual(a, mixed))
      }),
    )
  })

  const row: Row = {
    name: 'n',
    count: 1,
    on: true,
    maybe: null,
    kind: 'a',
    tags: [],
    inner: [],
    choice: { type: 'left', value: 1 },
    free: { b: 1, a: { d: [], c: 2 } },
  }

  it('are arrays of their fields in the order of the schema', () => {
    expect(codec.encode(row).toString()).toBe('["n",1,true,null,"a",[],[],["left",[1]],{"a":{"c":2,"d":[]},"b":1}]')
  })

  it.each<{ case: string; change: Record<string, unknown> }>([
    { case: 'without a field', change: { name: undefined } },
    { case: 'without a free-form field', change: { free: undefined } },
    { case: 'with a hole in a free-form field', change: { free: { a: undefined } } },
    { case: 'with a fraction', change: { count: 1.5 } },
    { case: 'with a number that is none', change: { count: Number.NaN } },
    { case: 'with an unsafe integer', change: { count: 2 ** 53 } },
    { case: 'with an unknown variant', change: { choice: { type: 'up', value: 1 } } },
  ])('are not written $case', ({ change }) => {
    expect(() => codec.encode({ ...row, ...change } as Row)).toThrow()
  })

  it.each([
    { case: 'an optional field', schema: z.object({ a: z.string().optional() }) },
    { case: 'a date', schema: z.object({ a: z.date() }) },
    { case: 'a plain union', schema: z.object({ a: z.union([z.string(), z.int()]) }) },
  ])('have no schema with $case', ({ schema: unfit }) => {
    expect(() => rowCodec(unfit)).toThrow('rows have no encoding for')
  })
})
