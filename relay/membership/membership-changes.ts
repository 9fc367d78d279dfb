import type { EventTemplate, NostrEvent } from '../event.ts'
import type { Applied } from '../host.ts'
import { addressKey, seqBytes } from '../store/keys.ts'
import type { EventStore } from '../store/store.ts'
import type { Member, Members, Role } from './members.ts'

/** Event kinds of NIP-43. */
export const membershipKinds = {
  added: 8_000,
  removed: 8_001,
  list: 13_534,
  join: 28_934,
  invite: 28_935,
  leave: 28_936,
  role: 33_534,
} as const

/** Changes to who is a member: each runs in the writer's transaction, and may run again when that is undone. */
export type MembershipChanges = {
  add(pubkey: string, member: Member): Applied
  remove(pubkey: string): Applied
  putRole(id: string, role: Role): Applied
  /** Members lose the role too. */
  removeRole(id: string): Applied
}

/** A tag of the list with a key takes about so many bytes. */
const bytesPerMember = 80

/** Makes the changes, with the events that tell of them when there is something to sign them with. */
export function createMembershipChanges(options: {
  members: Members
  store: Pick<EventStore, 'databases' | 'remove'>
  /** Signs with the key that the information document calls `self`. */
  sign: ((template: EventTemplate) => NostrEvent) | null
  publicKey: string
  limits: { readonly maxEventBytes: number; readonly maxTags: number }
  now(): number
  /** Told when it is durable. */
  onRemoved(pubkey: string): void
}): MembershipChanges {
  const { members, store, sign, publicKey, limits, now, onRemoved } = options
  const maxListed = Math.min(limits.maxTags - 1, Math.floor(limits.maxEventBytes / bytesPerMember))

  const event = (kind: number, tags: string[][]): NostrEvent[] => {
    if (sign === null) return []
    return [sign({ kind, created_at: members.nextTime(now()), tags: [['-'], ...tags], content: '' })]
  }

  /** As many as fit: nobody may take the list for complete (NIP-43). */
  const list = (): NostrEvent[] => {
    if (sign === null) return []
    const tags: string[][] = []
    let bytes = 0
    for (const { pubkey, member } of members.list(maxListed)) {
      const tag = ['member', pubkey, ...member.roles]
      bytes += JSON.stringify(tag).length + 1
      if (bytes > limits.maxEventBytes - 512) break
      tags.push(tag)
    }
    return event(membershipKinds.list, tags)
  }

  const hideRole = (id: string) => {
    const current = store.databases.addresses.get(addressKey(membershipKinds.role, Buffer.from(publicKey, 'hex'), id))
    if (current !== undefined) store.remove(current.readUIntBE(0, seqBytes))
  }

  return {
    add: (pubkey, member) => {
      const isNew = members.get(pubkey) === undefined
      members.put(pubkey, member)
      const told = isNew ? event(membershipKinds.added, [['p', pubkey]]) : []
      return applied([...told, ...list()], () => members.settle(pubkey, member))
    },
    remove: pubkey => {
      if (members.get(pubkey) === undefined) return applied([])
      members.remove(pubkey)
      return applied([...event(membershipKinds.removed, [['p', pubkey]]), ...list()], () => {
        members.settle(pubkey, null)
        onRemoved(pubkey)
      })
    },
    putRole: (id, role) => {
      members.putRole(id, role)
      const tags = Object.entries(role).filter(([, value]) => value !== '')
      return applied(event(membershipKinds.role, [['d', id], ...tags]))
    },
    removeRole: id => {
      members.removeRole(id)
      hideRole(id)
      const changed: [string, Member][] = []
      for (const [pubkey, { reason, roles }] of members.all()) {
        if (roles.includes(id)) changed.push([pubkey, { reason, roles: roles.filter(role => role !== id) }])
      }
      for (const [pubkey, member] of changed) members.put(pubkey, member)
      return applied(changed.length === 0 ? [] : list(), () => {
        for (const [pubkey, member] of changed) members.settle(pubkey, member)
      })
    },
  }
}

function applied(store: readonly NostrEvent[], committed?: () => void): Applied {
  return { accepted: true, message: '', store, deliver: [], ...(committed === undefined ? {} : { committed }) }
}
