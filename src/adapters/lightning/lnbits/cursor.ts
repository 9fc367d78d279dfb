import { createHash } from 'node:crypto'
import type { Payment } from './api.ts'

/**
 * How far a stream of settlements has come. LNbits numbers nothing and finds nothing by when it was settled, only by when
 * it was made: so this is a time such that every settlement of an invoice made before it was told, and those told of
 * invoices made since.
 */
export type Progress = {
  /** Unix seconds, by LNbits' clock. */
  readonly since: number
  readonly told: ReadonlySet<string>
}

export const fromTheFirst: Progress = { since: 0, told: new Set() }

const markDigits = 16

/** What stands for an invoice in a cursor: half of it is told apart as surely as the whole. */
export function markOf({ payment_hash }: Pick<Payment, 'payment_hash'>): string {
  return payment_hash.slice(0, markDigits)
}

/** `<wallet>.<since>.<marks>`: about 16 bytes per settlement of the last day. */
export function writeCursor(walletId: string, { since, told }: Progress): string {
  return `${walletMarkOf(walletId)}.${since}.${[...told].join('')}`
}

/** A cursor of another wallet, or of none, must not skip what this one receives: it starts from the first. */
export function readCursor(cursor: string | null, walletId: string | null): Progress {
  const [, wallet, since, marks = ''] = /^([0-9a-f]{8})\.(\d{1,12})\.((?:[0-9a-f]{16})*)$/.exec(cursor ?? '') ?? []
  if (walletId === null || wallet !== walletMarkOf(walletId)) return fromTheFirst
  return { since: Number(since), told: new Set(marks.match(/.{16}/g) ?? []) }
}

function walletMarkOf(walletId: string): string {
  return createHash('sha256').update(walletId).digest('hex').slice(0, 8)
}
