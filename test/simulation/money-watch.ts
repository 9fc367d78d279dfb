import { tables } from '../../src/store/tables.ts'
import type { Reader } from '../../src/store/transaction.ts'
import type { RowChange } from './journal.ts'
import { changesOf } from './ledger-watch.ts'
import type { Node } from './wallet/node.ts'

/** Orders in which something of the customer's is set aside. */
const isOpen = new Set(['held', 'invoiced', 'accepted'])

/** Compares the ledger with what the wallet truly did, at every moment, payment by payment. */
export type MoneyWatch = {
  /** Hears of every commit, and of what is forgotten the other way round; says what the books have otherwise. */
  changed(changes: readonly RowChange[], isForgotten: boolean): string[]
  /** What the wallet has done that must not be, or has and the books, with what they do not know yet, have not. */
  check(): string[]
}

/** Begins with empty books; `reader` is of the same environment. */
export function createMoneyWatch({ node, reader }: { node: Node; reader: Reader }): MoneyWatch {
  /** What the wallet took in, by hash, and paid, by withdrawal, that no row says yet. */
  const notBookedMsat = new Map<string, number>()
  const seen = { settlements: 0, payments: 0 }
  const beganMsat = node.balanceMsat()
  /** What the rows come to; the accounts of the ledger must have the same. */
  const rowsMsat = { wallet: 0, withdrawals: 0, reserved: 0 }
  /** Of each order, what came in vain or was given back, less what was sent on or is being sent. */
  const leftMsat = new Map<string, number>()

  const absorb = () => {
    for (const one of node.settlements.slice(seen.settlements)) notBookedMsat.set(one.paymentHash, one.receivedMsat)
    for (const { id, amountMsat, feeMsat } of node.payments.slice(seen.payments)) {
      notBookedMsat.set(id, -amountMsat - feeMsat)
    }
    seen.settlements = node.settlements.length
    seen.payments = node.payments.length
  }

  /** Books what the wallet did, or, of what is forgotten, unbooks it. */
  const book = (id: string, msat: number, isForgotten: boolean): string | null => {
    rowsMsat.wallet += isForgotten ? msat : -msat
    if (isForgotten) {
      notBookedMsat.set(id, msat)
      return null
    }
    const trueMsat = notBookedMsat.get(id)
    notBookedMsat.delete(id)
    return trueMsat === msat ? null : `the wallet and the books: ${msat} are booked for ${id}, in truth ${trueMsat}`
  }

  const changed: MoneyWatch['changed'] = (changes, isForgotten) => {
    absorb()
    const found: string[] = []
    const orders = new Set<string>()
    const add = (orderId: string | null, msat: number) => {
      if (orderId === null || msat === 0) return
      leftMsat.set(orderId, (leftMsat.get(orderId) ?? 0) + msat)
      orders.add(orderId)
    }
    /** What each invoice that is settled now should have brought whom, and what postings say. */
    const settled = new Map<string, string>()
    const posted = new Map<string, string>()
    for (const { before, after } of changesOf(changes, tables.invoices)) {
      const wasSettled = before?.status === 'settled'
      const invoice = after ?? before
      if (invoice === undefined || wasSettled === (after?.status === 'settled')) continue
      const msat = (wasSettled ? before : after)?.receivedMsat ?? 0
      const fault = book(invoice.paymentHash ?? '', msat, wasSettled)
      if (fault !== null) found.push(fault)
      add(invoice.orderId, wasSettled ? -msat : msat)
      if (msat > 0) settled.set(invoice.orderId, `${msat} to customer:${invoice.account}`)
    }
    for (const { before, after } of changesOf(changes, tables.postings)) {
      const posting = after ?? before
      if (posting === undefined || posting.orderId === null) continue
      const { orderId, reason, amountMsat, credit } = posting
      if (reason === 'settlement') posted.set(orderId, `${amountMsat} to ${credit}`)
      if (reason.startsWith('refund:')) add(orderId, after === undefined ? -amountMsat : amountMsat)
    }
    for (const orderId of new Set([...settled.keys(), ...posted.keys()])) {
      const [expected, actual] = [settled.get(orderId), posted.get(orderId)]
      if (expected !== actual) {
        found.push(`the wallet and the books: ${actual} was credited for ${orderId}, the wallet received ${expected}`)
      }
    }
    for (const { key, before, after } of changesOf(changes, tables.orders)) {
      add(key[0] as string, (before?.invoicedMsat ?? 0) - (after?.invoicedMsat ?? 0))
      for (const [row, sign] of [[before, -1] as const, [after, 1] as const]) {
        if (row !== undefined && isOpen.has(row.status)) rowsMsat.reserved += sign * row.creditMsat
      }
    }
    for (const { key, before, after } of changesOf(changes, tables.withdrawals)) {
      for (const [row, sign] of [[before, -1] as const, [after, 1] as const]) {
        if (row === undefined || row.status === 'failed') continue
        const { status, amountMsat, maxFeeMsat, feeMsat, orderId } = row
        const isPaid = status === 'paid'
        // What a wallet spends beyond the limit is the operator's.
        const feeOfCustomer = isPaid ? Math.min(feeMsat ?? 0, maxFeeMsat) : maxFeeMsat
        if (!isPaid) rowsMsat.withdrawals += sign * (amountMsat + maxFeeMsat)
        add(orderId, -sign * (amountMsat + feeOfCustomer))
        const isNews = (before?.status === 'paid') !== (after?.status === 'paid')
        const fault = isPaid && isNews ? book(String(key[0]), -amountMsat - (feeMsat ?? 0), sign < 0) : null
        if (fault !== null) found.push(fault)
      }
    }
    for (const orderId of isForgotten ? [] : orders) {
      const msat = leftMsat.get(orderId) ?? 0
      if (msat < 0) found.push(`refunds have an end: ${-msat} too much is sent on for ${orderId}`)
    }
    for (const [account, msat] of Object.entries(rowsMsat)) {
      const bookedMsat = reader.get(tables.balances, [account])?.msat ?? 0
      if (bookedMsat !== msat)
        found.push(`the wallet and the books: ${account} has ${bookedMsat}, its rows say ${msat}`)
    }
    return found
  }

  return {
    changed,
    check: () => {
      absorb()
      const found = node.paidAgain.map(hash => `paid at most once: ${hash} was paid by the wallet again`)
      let expectedMsat = beganMsat - rowsMsat.wallet
      for (const msat of notBookedMsat.values()) expectedMsat += msat
      const hasMsat = node.balanceMsat() - node.behindMsat()
      if (hasMsat !== expectedMsat) {
        found.push(
          `the wallet and the books: the wallet has ${hasMsat}, by the books and what is under way ${expectedMsat}`,
        )
      }
      return found
    },
  }
}
