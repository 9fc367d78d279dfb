import type { Rejection } from '../../rejections.ts'
import type { Item, Line } from '../../store/money-tables.ts'
import type { Transactor } from '../../store/transaction.ts'
import type { Context } from '../context.ts'

/** An item together with the order it stands on. */
export type Ordered = { readonly orderId: string; readonly account: string; readonly params: unknown }

/**
 * A kind of thing that can be bought. Selling something new means adding one of these.
 * Every function runs inside the writer's transaction and is deterministic.
 */
export type Sellable = {
  readonly kind: string
  /** Ledger account that its price goes to, or `null` when the money stays the customer's own. */
  readonly revenue: string | null
  /** Sets the thing aside until a time (Unix seconds), if it can and may; `false`: the order races with others. */
  hold(ordered: Ordered, until: number, tx: Transactor, context: Context): boolean
  /** Keeps the thing for this order alone, for as long as it takes: its payment has arrived and is about to be taken. */
  claim(ordered: Ordered, tx: Transactor, context: Context): void
  /** Gives back what `hold` or `claim` set aside, if anything; `lapsed`: because nobody paid. */
  release(ordered: Ordered, lapsed: boolean, tx: Transactor, context: Context): void
  /** Why the thing cannot be handed over now, or `null` when it can. Changes nothing. */
  obstacle(ordered: Ordered, tx: Transactor, context: Context): Rejection | null
  /** Hands the thing over. Called only when `obstacle` found none, in the same transaction. */
  fulfil(ordered: Ordered, tx: Transactor, context: Context): void
}

/** An order item from its lines. */
export function toItem(sellable: string, params: unknown, lines: Line[]): Item {
  let totalMsat = 0
  for (const line of lines) totalMsat += line.amountMsat
  return { sellable, params, lines, totalMsat }
}
