import type { NostrEvent } from '../event.ts'
import type { Applied, IsProtected } from '../host.ts'
import { type Membership, maxMembers } from '../membership/membership.ts'
import { protectable } from '../store/record.ts'
import type { Removals } from '../store/removals.ts'
import type { EventStore } from '../store/store.ts'
import type { Change, Managed, ManagedList } from './managed.ts'
import type { ManagedRules } from './managed-rules.ts'
import {
  hex64,
  kindNumber,
  line,
  type Method,
  type MethodOutcome,
  method,
  network,
  optionalLine,
  optionalNumber,
  roleId,
  webUrl,
} from './management-params.ts'

/** What management works with. */
export type Managing = {
  readonly managed: Managed
  readonly rules: ManagedRules
  readonly membership: Membership
  readonly store: EventStore
  readonly removals: Removals
  isOperator(pubkey: string): boolean
  readonly isProtected: IsProtected
  find(filter: object): NostrEvent[]
  /** Runs a change of the members in the writer's next transaction; resolves when it is durable. */
  apply(change: () => Applied): Promise<void>
  /** Events of a key are to be removed, or one is removed, durably. */
  onRemoval(): void
  onIpsChanged(): void
}

const maxListed = 20_000
const maxRoles = 100
const reportKind = 1_984
const maxReason = 256
const reason = optionalLine(maxReason)
/** Later than any event can be. */
const always = 2 ** 48 - 2
const done: MethodOutcome = { result: true }

/** The methods of NIP-86 by name, all but `supportedmethods`. Roles need a relay that keeps members and signs. */
export function managementMethods(managing: Managing): Readonly<Record<string, Method>> {
  const { managed, membership, store, removals, isOperator, isProtected, onRemoval, onIpsChanged } = managing
  const { members, changes } = membership

  const change = async (made: readonly Change[], also?: () => void): Promise<MethodOutcome> => {
    for (const { list, subject, note } of made) {
      if (note === null || managed.get(list).has(subject)) continue
      if (managed.get(list).size >= maxListed) return { error: `this list has ${maxListed} entries already` }
    }
    await managed.change(made, also)
    return done
  }
  const put = (list: ManagedList, subject: string, note = ''): Change => ({ list, subject, note })
  const drop = (list: ManagedList, subject: string): Change => ({ list, subject, note: null })
  const noted = (list: ManagedList, name: string) =>
    method([], () => ({ result: [...managed.get(list)].map(([subject, note]) => withReason(name, subject, note)) }))
  const changeText = (name: string, param: typeof webUrl) =>
    // The configured text is there again when there is none.
    method([param], ([text]) => change([text === '' ? drop('texts', name) : put('texts', name, text)]))

  const removeOne = (id: string) => {
    const seq = store.seqOf(Buffer.from(id, 'hex'))
    if (seq !== undefined) store.remove(seq)
  }
  const isProtectedId = (id: string): boolean => {
    const seq = store.seqOf(Buffer.from(id, 'hex'))
    const record = seq === undefined ? undefined : store.record(seq)
    return record !== undefined && isProtected(protectable(record))
  }
  const applied = async (made: () => Applied): Promise<MethodOutcome> => {
    await managing.apply(made)
    return done
  }

  const methods: Record<string, Method> = {
    banpubkey: method([hex64, reason], async ([pubkey, why]) => {
      if (isOperator(pubkey)) return { error: 'this is the key of an operator' }
      if (isProtected({ kind: 1, pubkey, isFor: () => false })) return { error: 'this is the key of the relay itself' }
      const key = Buffer.from(pubkey, 'hex')
      const outcome = await change([put('banned-keys', pubkey, why)], () => removals.request('ban', key, always))
      onRemoval()
      membership.banned(pubkey)
      return outcome
    }),
    unbanpubkey: method([hex64, reason], ([pubkey]) =>
      change([drop('banned-keys', pubkey)], () => removals.cancel('ban', Buffer.from(pubkey, 'hex'))),
    ),
    listbannedpubkeys: noted('banned-keys', 'pubkey'),
    allowpubkey: method([hex64, reason], ([pubkey, why]) => {
      const known = members.all().get(pubkey)
      if (known === undefined && members.all().size >= maxMembers) return { error: `there are ${maxMembers} already` }
      return applied(() => changes.add(pubkey, { reason: why, roles: members.get(pubkey)?.roles ?? [] }))
    }),
    unallowpubkey: method([hex64, reason], ([pubkey]) => applied(() => changes.remove(pubkey))),
    listallowedpubkeys: method([], () => ({
      result: [...members.all()].map(([pubkey, member]) => withReason('pubkey', pubkey, member.reason)),
    })),
    listeventsneedingmoderation: method([], () => ({ result: reported(managing) })),
    allowevent: method([hex64, reason], ([id, why]) =>
      change([drop('banned-events', id), put('allowed-events', id, why)]),
    ),
    banevent: method([hex64, reason], async ([id, why]) => {
      if (isProtectedId(id)) return { error: 'this event belongs to the service of this relay' }
      const made = [put('banned-events', id, why), drop('allowed-events', id)]
      const outcome = await change(made, () => removeOne(id))
      onRemoval()
      return outcome
    }),
    listbannedevents: noted('banned-events', 'id'),
    changerelayname: changeText('name', line(64)),
    changerelaydescription: changeText('description', line(1_000)),
    changerelayicon: changeText('icon', webUrl),
    // Taking a prohibition back is not the beginning of a list of the only kinds there are.
    allowkind: method([kindNumber], ([kind]) => {
      const subject = String(kind)
      const isOnlyLifted = managed.get('disallowed-kinds').has(subject) && managed.get('allowed-kinds').size === 0
      const lifted = drop('disallowed-kinds', subject)
      return change(isOnlyLifted ? [lifted] : [lifted, put('allowed-kinds', subject)])
    }),
    disallowkind: method([kindNumber], ([kind]) =>
      change([drop('allowed-kinds', String(kind)), put('disallowed-kinds', String(kind))]),
    ),
    listallowedkinds: method([], () => ({
      result: [...managed.get('allowed-kinds').keys()].map(Number).sort((a, b) => a - b),
    })),
    blockip: method([network, reason], async ([ip, why]) => {
      const outcome = await change([put('blocked-ips', ip, why)])
      onIpsChanged()
      return outcome
    }),
    unblockip: method([network], async ([ip]) => {
      const outcome = await change([drop('blocked-ips', ip)])
      onIpsChanged()
      return outcome
    }),
    listblockedips: noted('blocked-ips', 'ip'),
  }
  return membership.isEnabled ? { ...methods, ...roleMethods(membership, applied) } : methods
}

function roleMethods(
  { members, changes }: Membership,
  applied: (made: () => Applied) => Promise<MethodOutcome>,
): Record<string, Method> {
  const shape = [roleId, line(64), optionalLine(256), optionalNumber(360), optionalNumber(1_000_000)] as const
  const noRole: MethodOutcome = { error: 'there is no such role' }
  const noMember: MethodOutcome = { error: 'this key is no member' }
  const assign = (pubkey: string, id: string, isAssigned: boolean): MethodOutcome | Promise<MethodOutcome> => {
    if (isAssigned && members.role(id) === undefined) return noRole
    if (members.all().get(pubkey) === undefined) return noMember
    return applied(() => {
      const member = members.get(pubkey)
      if (member === undefined) return changes.remove(pubkey)
      const others = member.roles.filter(role => role !== id)
      return changes.add(pubkey, { ...member, roles: isAssigned ? [...others, id] : others })
    })
  }
  return {
    createrole: method(shape, ([id, label, description, color, order]) => {
      if (members.role(id) !== undefined) return { error: 'there is such a role already' }
      if (members.roleCount() >= maxRoles) return { error: `there are ${maxRoles} roles already` }
      return applied(() => changes.putRole(id, { label, description, color, order }))
    }),
    editrole: method(shape, ([id, label, description, color, order]) => {
      if (members.role(id) === undefined) return noRole
      return applied(() => changes.putRole(id, { label, description, color, order }))
    }),
    deleterole: method([roleId], ([id]) => {
      return members.role(id) === undefined ? noRole : applied(() => changes.removeRole(id))
    }),
    assignrole: method([hex64, roleId], ([pubkey, id]) => assign(pubkey, id, true)),
    unassignrole: method([hex64, roleId], ([pubkey, id]) => assign(pubkey, id, false)),
  }
}

/** Events that reports (NIP-56) name, of those that are here and that no operator has judged yet. */
function reported({ managed, store, find }: Managing): { id: string; reason?: string }[] {
  const listed = new Map<string, string>()
  for (const report of find({ kinds: [reportKind] })) {
    for (const [name, id = '', type = ''] of report.tags) {
      if (name !== 'e' || !/^[0-9a-f]{64}$/.test(id) || listed.has(id)) continue
      if (managed.get('allowed-events').has(id) || managed.get('banned-events').has(id) || !store.has(id)) continue
      listed.set(id, /^[a-z]{1,32}$/.test(type) ? type : '')
      if (listed.size >= 500) break
    }
  }
  return [...listed].map(([id, type]) => withReason('id', id, type))
}

function withReason<Name extends string>(name: Name, subject: string, why: string): { [Key in Name]: string } {
  return { [name]: subject, ...(why === '' ? {} : { reason: why }) } as { [Key in Name]: string }
}
