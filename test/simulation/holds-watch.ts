import type { Order } from '../../src/domain/billing/orders.ts'
import { type RowOf, tables } from '../../src/store/tables.ts'
import type { Clients } from './clients.ts'
import type { RowChange } from './journal.ts'
import { changesOf } from './ledger-watch.ts'

type Hold = RowOf<'holds'>
type Limits = RowOf<'settings'>['orders']

const rationed = 'unpaid holds are rationed'
const raced = 'beyond rations orders race'

/**
 * Counts unpaid holds for itself, entry by entry of the log, and says where a name is held although a ration is used up, where
 * an order holds nothing although none is, and where one is refused for want of a ration. The ration of an address is kept in
 * memory: it counts what was ordered since the process began, and may miss what seemed over in a transaction that was undone.
 */
export function createHoldsWatch(options: {
  perAddress: number
  /** Who has a key, and what they sent. */
  clients(): Pick<Clients, 'personOf' | 'sent'>
}) {
  const { perAddress, clients } = options
  const holds = new Map<string, Hold>()
  /** name → its unpaid holds that lapsed, the last one last. */
  const lapses = new Map<string, { orderId: string; until: number }[]>()
  const orderedSinceStart = new Set<string>()
  const orderedSinceUndone = new Set<string>()
  let limits: Limits | undefined

  const networkOf = (account: string) => clients().personOf(account)?.network

  /** Which ration keeps a name from being held unpaid for an account at a time, or `null`. `counted`: for addresses. */
  const usedUp = (name: string, account: string, time: number, counted: ReadonlySet<string>): string | null => {
    if (limits === undefined) return null
    const unpaid = [...holds.values()].filter(hold => hold.unpaid)
    const ofAccount = unpaid.filter(hold => hold.account === account).length
    if (ofAccount >= limits.unpaidHoldsPerAccount) return `its account has ${ofAccount}`
    const network = networkOf(account)
    const ofAddress = unpaid.filter(hold => counted.has(hold.orderId) && networkOf(hold.account) === network).length
    if (ofAddress >= perAddress) return `its address ${network} has ${ofAddress}`
    if (unpaid.length >= limits.unpaidHoldsTotal) return `there are ${unpaid.length} in total`
    const until = lapses.get(name)?.at(-1)?.until ?? 0
    return until > time ? `a hold of the name lapsed, until ${until} none may follow` : null
  }

  /** One entry of the log, or what is written between two. */
  const entry = (changes: readonly RowChange[], time: number): string[] => {
    const found: string[] = []
    const orders = changesOf(changes, tables.orders)
    const changedHolds = changesOf(changes, tables.holds)
    const begun = new Map<string, Hold>()
    for (const { key, before, after } of changedHolds) {
      if (after?.unpaid && before?.orderId !== after.orderId) begun.set(nameOf(key), after)
    }
    for (const { key, before, after: order } of orders) {
      const name = order && registeredBy(order)
      if (before !== undefined || order?.status !== 'held' || name === undefined) continue
      const [orderId] = key as [string]
      const isHeld = begun.get(name)?.orderId === orderId
      const reason = usedUp(name, order.account, time, isHeld ? orderedSinceUndone : orderedSinceStart)
      if (isHeld && reason !== null)
        found.push(`${rationed}: ${name} is held for order ${orderId} at ${time}, ${reason}`)
      if (!isHeld && reason === null) found.push(`${raced}: order ${orderId} does not hold ${name} at ${time}`)
      if (!isHeld) continue
      begun.delete(name)
      orderedSinceStart.add(orderId)
      orderedSinceUndone.add(orderId)
    }
    for (const [name, { orderId }] of begun) found.push(`${rationed}: ${name} is held for ${orderId}, which is not new`)

    for (const { key, before, after } of changedHolds) {
      const name = nameOf(key)
      if (after === undefined) holds.delete(name)
      else holds.set(name, after)
      const order = before?.unpaid ? orders.find(({ key: [id] }) => id === before.orderId) : undefined
      const isGivenUp = order?.after?.status === 'cancelled'
      const isOver = order?.before?.status === 'invoiced' && order.after?.status === 'expired'
      if (before === undefined || !(isGivenUp || isOver)) continue
      const until = time + (limits?.lapsedHoldSeconds ?? 0)
      lapses.set(name, [...(lapses.get(name) ?? []), { orderId: before.orderId, until }])
    }
    for (const { after } of changesOf(changes, tables.settings)) limits = after?.orders
    for (const { key, before, after } of changesOf(changes, tables.refusals)) {
      if (before === undefined && after !== undefined) found.push(...refused(key[0], after.code))
    }
    return found
  }

  const refused = (commandId: string | number | undefined, code: string): string[] => {
    const command = clients().sent.get(String(commandId))
    const { identifier, pay = 'invoice' } = (command?.params ?? {}) as { identifier?: string; pay?: string }
    if (command?.method !== 'identifier.register' || identifier === undefined || pay !== 'invoice') return []
    const isForWant = code === 'RATE_LIMITED' || code === 'LIMIT_REACHED'
    if (!isForWant && (code !== 'NAME_HELD' || holds.has(identifier))) return []
    return [`${raced}: an order of ${identifier} was refused as ${code}`]
  }

  /** Undoes what was forgotten, the last first. */
  const forget = (changes: readonly RowChange[]): void => {
    for (const change of changes) {
      for (const { key, after } of changesOf([change], tables.holds)) {
        const name = nameOf(key)
        if (after === undefined) holds.delete(name)
        else holds.set(name, after)
        if (lapses.get(name)?.at(-1)?.orderId === after?.orderId) lapses.get(name)?.pop()
      }
    }
    for (const { after } of changesOf(changes, tables.settings)) limits = after?.orders
  }

  return {
    /** The process begins, which knows no addresses. */
    started: (): void => {
      orderedSinceStart.clear()
      orderedSinceUndone.clear()
    },

    undone: (): void => orderedSinceUndone.clear(),

    changed: (changes: readonly RowChange[], isForgotten: boolean): string[] => {
      if (isForgotten) {
        forget(changes)
        return []
      }
      const found: string[] = []
      let time = 0
      let from = 0
      for (let next = 0; next <= changes.length; next++) {
        const change = changes[next]
        // An entry comes before what it writes.
        if (change !== undefined && change.table.name !== tables.log.name) continue
        found.push(...entry(changes.slice(from, next), time))
        from = next
        time = change?.after?.readUIntBE(0, 6) ?? 0
      }
      return found
    },

    /** Everything had its time. */
    end: (): string[] =>
      [...holds].filter(([, hold]) => hold.unpaid).map(([name]) => `${rationed}: ${name} is held unpaid for ever`),
  }
}

function nameOf([domain, name]: readonly (string | number)[]): string {
  return `${name}@${domain}`
}

/** The name that an order registers, if it does. */
function registeredBy({ items }: Order): string | undefined {
  const item = items.find(({ sellable }) => sellable === 'identifier')
  return (item?.params as { identifier: string } | undefined)?.identifier
}
