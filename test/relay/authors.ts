import { type EventTemplate, eventId, type NostrEvent } from '../../relay/event.ts'
import { implementations } from './signatures/secp256k1-implementations.ts'

/** Test authors: keys that are equal in every run. */
export type Author = {
  readonly pubkey: string
  /** A rightly signed event; what the template leaves out is empty, of kind 1 and of `startTime`. */
  sign(template?: Partial<EventTemplate>): NostrEvent
}

/** The time that tests begin at, in Unix seconds. */
export const startTime = 1_790_000_000

/** The fastest implementation that the machine has. */
export function anySecp256k1() {
  const last = implementations.at(-1)
  if (last === undefined) throw new Error('there is always WebAssembly')
  return last
}

/** The author of a number from 1. */
export function author(number: number): Author {
  const secp = anySecp256k1()
  const secretKey = new Uint8Array(32)
  secretKey[31] = number
  const pubkey = Buffer.from(secp.publicKey(secretKey)).toString('hex')
  return {
    pubkey,
    sign: template => {
      const unsigned = { kind: 1, created_at: startTime, tags: [], content: '', ...template, pubkey }
      const id = eventId(unsigned)
      const sig = Buffer.from(secp.sign(Buffer.from(id, 'hex'), secretKey)).toString('hex')
      const { kind, created_at, tags, content } = unsigned
      return { id, pubkey, created_at, kind, tags, content, sig }
    },
  }
}
