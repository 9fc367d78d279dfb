import { nip19 } from 'nostr-tools'
import { describe, expect, it } from 'vitest'
import type { z } from 'zod'
import * as fields from '../../../src/protocol/fields.ts'

const key = '79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798'
const domain253 = [...Array(3).fill('a'.repeat(63)), 'a'.repeat(61)].join('.')

const accepted: { field: string; schema: z.ZodType; input: unknown; value: unknown }[] = [
  { field: 'hash', schema: fields.hash, input: key, value: key },
  { field: 'ref', schema: fields.ref, input: key.slice(32), value: key.slice(32) },
  { field: 'publicKey', schema: fields.publicKey, input: nip19.npubEncode(key), value: key },
  { field: 'publicKey', schema: fields.publicKey, input: key, value: key },
  { field: 'identifier', schema: fields.identifier, input: ' Alice@Example.COM ', value: 'alice@example.com' },
  { field: 'identifier', schema: fields.identifier, input: 'al!ce@example.com', value: 'al!ce@example.com' },
  { field: 'domain', schema: fields.domain, input: 'Example.COM', value: 'example.com' },
  { field: 'domain', schema: fields.domain, input: domain253, value: domain253 },
  { field: 'amountMsat', schema: fields.amountMsat, input: 1, value: 1 },
  { field: 'amountMsat', schema: fields.amountMsat, input: 100_000_000_000_000, value: 100_000_000_000_000 },
  { field: 'time', schema: fields.time, input: 0, value: 0 },
  { field: 'time', schema: fields.time, input: 2 ** 40, value: 2 ** 40 },
  { field: 'page limit', schema: fields.page.limit, input: undefined, value: 50 },
  { field: 'page limit', schema: fields.page.limit, input: 100, value: 100 },
  { field: 'relayUrl', schema: fields.relayUrl, input: 'wss://relay.example', value: 'wss://relay.example' },
  { field: 'relayUrl', schema: fields.relayUrl, input: 'ws://127.0.0.1:7777/a', value: 'ws://127.0.0.1:7777/a' },
]

const refused: { field: string; schema: z.ZodType; input: unknown }[] = [
  { field: 'hash', schema: fields.hash, input: key.toUpperCase() },
  { field: 'hash', schema: fields.hash, input: key.slice(1) },
  { field: 'hash', schema: fields.hash, input: `${key}\n` },
  { field: 'hash', schema: fields.hash, input: `g${key.slice(1)}` },
  { field: 'ref', schema: fields.ref, input: key },
  { field: 'ref', schema: fields.ref, input: '' },
  { field: 'publicKey', schema: fields.publicKey, input: nip19.noteEncode(key) },
  { field: 'publicKey', schema: fields.publicKey, input: `${nip19.npubEncode(key)}q` },
  { field: 'publicKey', schema: fields.publicKey, input: `npub1${'q'.repeat(200)}` },
  { field: 'publicKey', schema: fields.publicKey, input: 'npub1' },
  { field: 'publicKey', schema: fields.publicKey, input: null },
  { field: 'identifier', schema: fields.identifier, input: 'example.com' },
  { field: 'identifier', schema: fields.identifier, input: 'alice@exa\0mple.com' },
  { field: 'identifier', schema: fields.identifier, input: `${'a'.repeat(310)}@example.com` },
  { field: 'domain', schema: fields.domain, input: `${domain253}.com` },
  { field: 'domain', schema: fields.domain, input: 'exam_ple.com' },
  { field: 'domain', schema: fields.domain, input: 'example.com.' },
  { field: 'amountMsat', schema: fields.amountMsat, input: 0 },
  { field: 'amountMsat', schema: fields.amountMsat, input: -1 },
  { field: 'amountMsat', schema: fields.amountMsat, input: 1.5 },
  { field: 'amountMsat', schema: fields.amountMsat, input: '1' },
  { field: 'amountMsat', schema: fields.amountMsat, input: Number.NaN },
  { field: 'amountMsat', schema: fields.amountMsat, input: 100_000_000_000_001 },
  { field: 'time', schema: fields.time, input: -1 },
  { field: 'time', schema: fields.time, input: 2 ** 40 + 1 },
  { field: 'page limit', schema: fields.page.limit, input: 0 },
  { field: 'page limit', schema: fields.page.limit, input: 101 },
  { field: 'relayUrl', schema: fields.relayUrl, input: 'https://relay.example' },
  { field: 'relayUrl', schema: fields.relayUrl, input: 'wss://user:secret@relay.example' },
  { field: 'relayUrl', schema: fields.relayUrl, input: 'wss://relay.example/ x' },
  { field: 'relayUrl', schema: fields.relayUrl, input: `wss://relay.example/${'a'.repeat(240)}` },
]

describe('fields', () => {
  it.each(accepted)('$field takes $input as $value', ({ schema, input, value }) => {
    expect(schema.parse(input)).toEqual(value)
  })

  it.each(refused)('$field refuses $input', ({ schema, input }) => {
    expect(schema.safeParse(input).success).toBe(false)
  })
})
