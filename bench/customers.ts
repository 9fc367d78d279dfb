import { createHash } from 'node:crypto'
import { type EventTemplate, eventId, type NostrEvent } from '../relay/event.ts'
import type { Secp256k1 } from '../relay/signatures/secp256k1.ts'
import { kinds } from '../src/protocol/kinds.ts'
import { benchDomain } from './server.ts'

/** Somebody who buys names. */
export type Customer = { readonly secretKey: Buffer; readonly publicKey: string }

/** As many customers as asked for, the same at every run. */
export function createCustomers(secp: Secp256k1, count: number): Customer[] {
  return Array.from({ length: count }, (_, number) => {
    const secretKey = createHash('sha256').update(`panda bench customer ${number}`).digest()
    return { secretKey, publicKey: Buffer.from(secp.publicKey(secretKey)).toString('hex') }
  })
}

/** An event of a customer's. */
export function signAs(secp: Secp256k1, { secretKey, publicKey }: Customer, template: EventTemplate): NostrEvent {
  const unsigned = { ...template, pubkey: publicKey }
  const id = eventId(unsigned)
  const sig = Buffer.from(secp.sign(Buffer.from(id, 'hex'), secretKey)).toString('hex')
  return { ...unsigned, id, sig }
}

/**
 * The command that registers name number `index`, with two records. Names come in no order, as customers think of them;
 * the customers take turns.
 */
export function registration(
  secp: Secp256k1,
  customers: readonly Customer[],
  order: { index: number; service: string; now: number; pay: 'balance' | 'invoice' },
): NostrEvent {
  const { index, service, now, pay } = order
  const customer = customers[index % customers.length]
  if (customer === undefined) throw new Error('there are no customers')
  // An odd factor makes a permutation of the 32-bit numbers.
  const name = (Math.imul(index, 2_654_435_761) >>> 0).toString(36).padStart(7, '0')
  const records = [
    { type: 'NOSTR', value: customer.publicKey },
    { type: 'URL', value: `https://${name}.example/` },
  ]
  return signAs(secp, customer, {
    kind: kinds.command,
    created_at: now,
    tags: [
      ['p', service],
      ['method', 'identifier.register'],
    ],
    content: JSON.stringify({ identifier: `${name}@${benchDomain}`, years: 1, records, pay }),
  })
}
