import { expect, it } from 'vitest'
import type { InvoiceRequest } from '../../../../src/adapters/lightning/port.ts'
import { requestOf } from './invoice-request.ts'

/** What the world around a backend can do for a test. */
export type Ability =
  /** Time stands still, and goes on by exactly what it is told. */
  | 'clock'
  /** Calls fail when they are told to. */
  | 'faults'
  /** Somebody pays any amount, also late and once more. */
  | 'payers'
  /** What a payment costs is said before. */
  | 'fees'
  /** A payment stays under way until it is told how to end. */
  | 'delays'

/** The world around a backend: what it can do, and amounts and times that suit it. */
export type World = {
  readonly can: readonly Ability[]
  /** What an ordinary invoice asks for. */
  readonly amountMsat: number
  /** What a wallet that shall pay is given first. */
  readonly fundsMsat: number
  /** What the wallet pays to others. */
  readonly payoutMsat: number
  /** When an invoice expires whose end is waited for. */
  readonly shortExpirySeconds: number
  /** How long a payment that will not end is waited for. */
  readonly patienceMs: number
}

/** A world that is all the test's own, and new. */
export const ownWorld: World = {
  can: ['clock', 'faults', 'payers', 'fees', 'delays'],
  amountMsat: 21_000_000,
  fundsMsat: 100_000_000,
  payoutMsat: 40_000_000,
  shortExpirySeconds: 900,
  patienceMs: 300,
}

/** Gives `it` for a test of a world that can do all of this; elsewhere there is no such test. */
export function testsIn({ can }: World): (...needs: readonly Ability[]) => typeof it | undefined {
  return (...needs) => (needs.every(need => can.includes(need)) ? it : undefined)
}

/** A request of a fixture's own, for what is usual in its world. */
export function requestIn(
  { amountMsat }: World,
  { keyPrefix = '' }: { readonly keyPrefix?: string },
  changes: Partial<InvoiceRequest> = {},
): InvoiceRequest {
  const { idempotencyKey = 'invoice-1', ...rest } = changes
  // No key stays none.
  const key = idempotencyKey === '' ? '' : `${keyPrefix}${idempotencyKey}`
  return requestOf({ amountMsat, ...rest, idempotencyKey: key })
}

/** What a time is to be: this one, or where the clocks are real, one within 50 seconds of it. */
export function timeIn({ can }: World, seconds: number): number {
  return can.includes('clock') ? seconds : expect.closeTo(seconds, -2)
}
