import { finalizeEvent, getPublicKey, nip44 } from 'nostr-tools'
import type { EventTemplate, NostrEvent } from '../../relay/event.ts'

/** One who signs and reads what is encrypted to it. */
export type Signatory = {
  readonly publicKey: string
  sign(template: EventTemplate): NostrEvent
  /** A command to the service, encrypted. */
  command(service: string, method: string, params: object): NostrEvent
  /** The status and the decrypted content of a result or notice of the service. */
  read(event: NostrEvent): { readonly status: string; readonly body: unknown }
}

/** Makes a signatory whose key follows from a number. */
export function createSignatory(number: number): Signatory {
  const secretKey = new Uint8Array(32).fill(7)
  new DataView(secretKey.buffer).setUint32(28, number)
  const publicKey = getPublicKey(secretKey)
  const conversations = new Map<string, Uint8Array>()
  let salt = 0

  const conversationWith = (peer: string) => {
    const key = conversations.get(peer) ?? nip44.v2.utils.getConversationKey(secretKey, peer)
    conversations.set(peer, key)
    return key
  }
  const sign = (template: EventTemplate): NostrEvent => {
    const { id, pubkey, created_at, kind, tags, content, sig } = finalizeEvent({ ...template }, secretKey)
    return { id, pubkey, created_at, kind, tags, content, sig }
  }
  return {
    publicKey,
    sign,
    command: (service, method, params) =>
      sign({
        kind: 2410,
        created_at: Math.floor(Date.now() / 1_000),
        tags: [
          ['p', service],
          ['method', method],
          ['encryption', 'nip44_v2'],
          // Two commands of one second that say the same are two commands.
          ['salt', String(salt++)],
        ],
        content: nip44.v2.encrypt(JSON.stringify(params), conversationWith(service)),
      }),
    read: ({ pubkey, tags, content }) => ({
      status: tags.find(([name]) => name === 'status')?.[1] ?? '',
      body: JSON.parse(nip44.v2.decrypt(content, conversationWith(pubkey))) as unknown,
    }),
  }
}
