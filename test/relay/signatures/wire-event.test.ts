import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { encodeEvent, eventId, type NostrEvent } from '../../../relay/event.ts'
import { ownWireEvent, pubkeyAt, signatureAt, wireEvent } from '../../../relay/signatures/wire-event.ts'

const hex = (bytes: number) => fc.uint8Array({ minLength: bytes, maxLength: bytes }).map(toHex)
const text = fc.string({ unit: 'binary' })
const anyEvent = fc
  .record({
    pubkey: hex(32),
    created_at: fc.nat(2 ** 47),
    kind: fc.nat(65_535),
    tags: fc.array(fc.array(text, { minLength: 1, maxLength: 4 }), { maxLength: 4 }),
    content: text,
    sig: hex(64),
  })
  .map((unsigned): NostrEvent => ({ id: eventId(unsigned), ...unsigned }))

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex')
}

describe('an event off the wire', () => {
  it('has the text and the bytes that its fields have', () => {
    fc.assert(
      fc.property(anyEvent, event => {
        const wire = ownWireEvent(event)
        expect(wire.json).toBe(encodeEvent(event))
        expect(JSON.parse(wire.json)).toEqual(event)
        expect([wire.id, wire.pubkey, wire.bytes.subarray(signatureAt)].map(toHex)).toEqual([
          event.id,
          event.pubkey,
          event.sig,
        ])
        expect(wire.pubkey).toEqual(wire.bytes.subarray(pubkeyAt, signatureAt))
      }),
    )
  })

  it('is none when its id is not its hash', () => {
    fc.assert(
      fc.property(anyEvent, hex(32), (event, other) => {
        fc.pre(other !== event.id)
        expect(wireEvent({ ...event, id: other })).toBeNull()
        expect(wireEvent({ ...event, content: `${event.content} ` })).toBeNull()
      }),
    )
  })
})
