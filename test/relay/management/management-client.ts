import { createHash } from 'node:crypto'
import type { EventTemplate } from '../../../relay/event.ts'
import type { Author } from '../authors.ts'
import type { Served } from '../serve-relay.ts'

/** What an operator's software says of its request; tests change a part of it. */
export type Changed = { template?: Partial<EventTemplate>; tags?: Record<string, string | null>; body?: string }

let salt = 0

/** The value of an Authorization header for a body (NIP-98), with a salt so that no two are equal. */
export function authorization(by: Author, url: string, body: string, at: number, changed: Changed = {}): string {
  const payload = createHash('sha256').update(body).digest('hex')
  const named = { u: url, method: 'POST', payload, salt: String(salt++), ...changed.tags }
  const tags = Object.entries(named).flatMap(([name, value]) => (value === null ? [] : [[name, value]]))
  const event = by.sign({ kind: 27_235, created_at: at, tags, ...changed.template })
  return `Nostr ${Buffer.from(JSON.stringify(event)).toString('base64')}`
}

/** Calls a method of a relay's management API as an operator. */
export async function manage(
  served: Served,
  by: Author,
  method: string,
  params: readonly unknown[] = [],
): Promise<unknown> {
  const body = JSON.stringify({ method, params })
  const reply = await served.relay.manage({
    authorization: authorization(by, 'https://relay.example', body, served.time),
    body,
  })
  if (reply.status !== 200) throw new Error(`${reply.status} ${JSON.stringify(reply.body)}`)
  const { result, error } = reply.body as { result?: unknown; error?: string }
  return error === undefined ? result : { error }
}
