import type { Rows } from '../store/pending-writes.ts'

/** Who may write to a closed relay, and in which roles (NIP-43). What writes is called inside a transaction only. */
export type Members = {
  /** As it is durable. */
  all(): ReadonlyMap<string, Member>
  /** As the transaction sees it. */
  get(pubkey: string): Member | undefined
  /** Some of them, in the order of their keys, as the transaction sees them. */
  list(limit: number): { pubkey: string; member: Member }[]
  put(pubkey: string, member: Member): void
  remove(pubkey: string): void
  role(id: string): Role | undefined
  roleCount(): number
  putRole(id: string, role: Role): void
  removeRole(id: string): void
  /** Called once what was written about a member is durable. */
  settle(pubkey: string, member: Member | null): void
  /** A time for the relay's next event about its members: now, or later than the last one's. */
  nextTime(now: number): number
}

export type Member = { readonly reason: string; readonly roles: readonly string[] }
export type Role = {
  readonly label: string
  readonly description: string
  readonly color: string
  readonly order: string
}

const memberPrefix = Buffer.from('m')
const rolePrefix = Buffer.from('r')
const afterRoles = Buffer.from('s')
const timeKey = Buffer.from('t')

/** Keeps `'m' | key → member`, `'r' | id → role` and `'t' → time` in a database that claims are in too. */
export function createMembers(database: Rows): Members {
  const all = new Map<string, Member>()
  const end = Buffer.from('n')
  for (const { key, value } of database.getRange({ start: memberPrefix, end })) {
    all.set(key.toString('hex', 1), JSON.parse(value.toString()) as Member)
  }
  const read = <T>(key: Buffer): T | undefined => {
    const value = database.get(key)
    return value === undefined ? undefined : (JSON.parse(value.toString()) as T)
  }
  const write = (key: Buffer, value: object) => void database.putSync(key, Buffer.from(JSON.stringify(value)))
  const keyOf = (pubkey: string) => Buffer.concat([memberPrefix, Buffer.from(pubkey, 'hex')])
  const roleKey = (id: string) => Buffer.concat([rolePrefix, Buffer.from(id)])

  return {
    all: () => all,
    get: pubkey => read<Member>(keyOf(pubkey)),
    list: limit =>
      [...database.getRange({ start: memberPrefix, end, limit })].map(({ key, value }) => ({
        pubkey: key.toString('hex', 1),
        member: JSON.parse(value.toString()) as Member,
      })),
    put: (pubkey, member) => write(keyOf(pubkey), member),
    remove: pubkey => void database.removeSync(keyOf(pubkey)),
    role: id => read<Role>(roleKey(id)),
    roleCount: () => [...database.getKeys({ start: rolePrefix, end: afterRoles })].length,
    putRole: (id, role) => write(roleKey(id), role),
    removeRole: id => void database.removeSync(roleKey(id)),
    settle: (pubkey, member) => {
      if (member === null) all.delete(pubkey)
      else all.set(pubkey, member)
    },
    nextTime: now => {
      const time = Math.max(now, (read<{ last: number }>(timeKey)?.last ?? 0) + 1)
      write(timeKey, { last: time })
      return time
    },
  }
}
