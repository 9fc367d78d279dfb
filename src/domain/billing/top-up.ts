import type { Sellable } from './sellable.ts'

/** Money for the balance. What arrived is the customer's already when an order is fulfilled, so nothing more happens. */
export const topUp: Sellable = {
  kind: 'top-up',
  revenue: null,
  // There is nothing to set aside.
  hold: () => false,
  claim: () => undefined,
  release: () => undefined,
  obstacle: () => null,
  fulfil: () => undefined,
}
