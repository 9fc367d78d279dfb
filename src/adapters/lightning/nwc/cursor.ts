/**
 * Where a stream of settlements has come to: their time as the wallet tells it, and which of the last ones were told. A
 * place in a list would not do: NIP-47 lists by creation, and payments arrive in another order.
 */
export type Position = {
  /** Unix seconds of the newest settlement that was told; `null` before the first. */
  readonly at: number | null
  /** Starts of payment hashes that were told lately, oldest first. */
  readonly told: readonly Told[]
}

type Told = { readonly hash: string; readonly at: number }

/** Settlements may become visible out of order by so many seconds. */
const overlapSeconds = 600
/** Of more settlements in that time the oldest are told again. */
const maxTold = 64
const hashCharacters = 16

export const start: Position = { at: null, told: [] }

export function advance({ at, told }: Position, paymentHash: string, settledAt: number): Position {
  const newest = Math.max(at ?? 0, settledAt)
  const rest = told.filter(one => one.at >= newest - overlapSeconds)
  return { at: newest, told: [...rest, { hash: paymentHash.slice(0, hashCharacters), at: settledAt }].slice(-maxTold) }
}

/** Whether a settlement has been told before this position. */
export function isTold({ at, told }: Position, paymentHash: string, settledAt: number): boolean {
  if (at === null) return false
  return settledAt < at - overlapSeconds || told.some(one => paymentHash.startsWith(one.hash))
}

/** Text of a position of this wallet; `null` for the start. */
export function writeCursor(walletPubkey: string, { at, told }: Position): string | null {
  if (at === null) return null
  const list = told.map(one => `${one.hash}-${at - one.at}`).join('.')
  return [walletPubkey.slice(0, hashCharacters), at, list].join(':')
}

/** The position of a cursor. One of another wallet, or of none, must not skip anything: it is the start. */
export function readCursor(walletPubkey: string, cursor: string | null): Position {
  const match = /^([0-9a-f]{16}):(\d{1,15}):((?:[0-9a-f]{16}-\d{1,3}\.?)*)$/.exec(cursor ?? '')
  if (match === null || match[1] !== walletPubkey.slice(0, hashCharacters)) return start
  const at = Number(match[2])
  const told = (match[3] ?? '').split('.').filter(one => one !== '')
  return {
    at,
    told: told.map(one => ({ hash: one.slice(0, hashCharacters), at: at - Number(one.slice(hashCharacters + 1)) })),
  }
}
