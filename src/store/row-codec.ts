import { z } from 'zod'

/** Turns a row into JSON and back, with a fixed place for every field, so that equal rows have equal bytes. */
export type RowCodec<Row> = { encode(row: Row): Buffer; decode(bytes: Buffer): Row }

type Json = unknown
type Walker = { pack(value: unknown): Json; unpack(json: Json): unknown }

/**
 * The canonical codec of a row schema: an object becomes the array of its fields in schema order, a union on a
 * discriminator the same behind its tag, free-form values become JSON with sorted keys.
 * Rows are written by our own code, so they are not validated again; a missing field throws.
 */
export function rowCodec<Schema extends z.ZodType>(schema: Schema): RowCodec<z.infer<Schema>> {
  const walker = walkerOf(schema)
  return {
    encode: row => Buffer.from(JSON.stringify(walker.pack(row))),
    decode: bytes => walker.unpack(JSON.parse(bytes.toString('utf8'))) as z.infer<Schema>,
  }
}

function walkerOf(schema: z.core.$ZodType): Walker {
  if (schema instanceof z.ZodObject) return objectWalker(schema.shape)
  if (schema instanceof z.ZodDiscriminatedUnion) return unionWalker(schema)
  if (schema instanceof z.ZodArray) {
    const element = walkerOf(schema.element)
    return {
      pack: value => (value as unknown[]).map(element.pack),
      unpack: json => (json as Json[]).map(element.unpack),
    }
  }
  if (schema instanceof z.ZodNullable) {
    const inner = walkerOf(schema.unwrap())
    return {
      pack: value => (value === null ? null : inner.pack(value)),
      unpack: json => (json === null ? null : inner.unpack(json)),
    }
  }
  if (schema instanceof z.ZodUnknown || schema instanceof z.ZodRecord) return { pack: sortKeys, unpack: json => json }
  if (isScalar(schema)) return { pack: scalar, unpack: json => json }
  throw new Error(`rows have no encoding for ${schema._zod.def.type}`)
}

function objectWalker(shape: Readonly<Record<string, z.core.$ZodType>>): Walker {
  const fields = Object.entries(shape).map(([name, field]) => ({ name, ...walkerOf(field) }))
  return {
    pack: value => {
      const row = value as Record<string, unknown>
      return fields.map(field => field.pack(present(row[field.name], field.name)))
    },
    unpack: json => {
      const row: Record<string, unknown> = {}
      for (const [index, field] of fields.entries()) row[field.name] = field.unpack((json as Json[])[index])
      return row
    },
  }
}

function unionWalker(schema: z.ZodDiscriminatedUnion): Walker {
  const tag = schema.def.discriminator
  const options = new Map<string, Walker>()
  for (const option of schema.options) {
    if (!(option instanceof z.ZodObject)) throw new Error('a union of rows is made of objects')
    const literal = option.shape[tag]
    if (!(literal instanceof z.ZodLiteral)) throw new Error(`a union of rows has a literal ${tag}`)
    const { [tag]: _tag, ...rest } = option.shape
    options.set(String(literal.value), objectWalker(rest))
  }
  const option = (name: unknown) => {
    const walker = options.get(String(name))
    if (walker === undefined) throw new Error(`no row variant ${String(name)}`)
    return walker
  }
  return {
    pack: value => {
      const name = (value as Record<string, unknown>)[tag]
      return [name, option(name).pack(value)]
    },
    unpack: json => {
      const [name, rest] = json as [string, Json]
      return { [tag]: name, ...(option(name).unpack(rest) as object) }
    },
  }
}

function isScalar(schema: z.core.$ZodType): boolean {
  return ['string', 'number', 'boolean', 'literal', 'enum', 'int'].includes(schema._zod.def.type)
}

function scalar(value: unknown): Json {
  if (typeof value === 'number' && !Number.isSafeInteger(value)) throw new Error(`a row holds ${value}, not an integer`)
  return value
}

function present(value: unknown, name: string): unknown {
  if (value === undefined) throw new Error(`a row lacks its field ${name}`)
  return value
}

/** JSON value with object keys in order, so that its text is canonical. */
function sortKeys(value: unknown): Json {
  if (Array.isArray(value)) return value.map(sortKeys)
  if (typeof value !== 'object' || value === null) return present(value, 'value')
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([key, inner]) => [key, sortKeys(inner)]))
}
