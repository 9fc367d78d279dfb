import { tables } from '../store/tables.ts'
import type { Reader } from '../store/transaction.ts'

/** Who has things held for orders that are not paid, by address. */
export type UnpaidHolds = {
  /** Whether one more may be held for an address. */
  mayHold(network: string): boolean
  ordered(network: string, orderId: string): void
}

/** How many addresses are remembered; the one that ordered longest ago is forgotten first. */
const maxNetworks = 50_000

/**
 * Counts the unpaid holds of each address. An order counts until it is paid or over. In memory, since the log knows no
 * addresses: after a restart the count begins anew, and what was held then lasts as long as a hold at most. So does what was
 * over in a transaction that is undone, if it was forgotten in it.
 */
export function createUnpaidHolds(
  reader: Reader,
  perNetwork: number,
  refused: () => void = () => undefined,
): UnpaidHolds {
  const byNetwork = new Map<string, Set<string>>()

  const isHolding = (orderId: string) => {
    const order = reader.get(tables.orders, [orderId])
    return order?.held === true && (order.status === 'held' || order.status === 'invoiced')
  }

  const mayHold = (network: string): boolean => {
    const orders = byNetwork.get(network)
    if (orders === undefined) return perNetwork > 0
    // Looking at each costs a read, which is time enough when there seem to be too many.
    if (orders.size >= perNetwork) for (const orderId of orders) if (!isHolding(orderId)) orders.delete(orderId)
    if (orders.size === 0) byNetwork.delete(network)
    return orders.size < perNetwork
  }

  return {
    mayHold: network => {
      const may = mayHold(network)
      if (!may) refused()
      return may
    },
    ordered: (network, orderId) => {
      const orders = byNetwork.get(network) ?? new Set()
      byNetwork.delete(network)
      if (byNetwork.size >= maxNetworks) {
        const oldest = byNetwork.keys().next()
        if (!oldest.done) byNetwork.delete(oldest.value)
      }
      // Beyond the ration nothing is held, so there is nothing to count.
      if (orders.size < perNetwork) orders.add(orderId)
      if (orders.size > 0) byNetwork.set(network, orders)
    },
  }
}
