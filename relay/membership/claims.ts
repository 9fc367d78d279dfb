import { createHash, randomBytes } from 'node:crypto'
import type { Rows } from '../store/pending-writes.ts'

/** Invitations to a closed relay (NIP-43): what a member passes on, and somebody joins with. */
export type Claims = {
  /** A new claim of a member, good once `keep` has written it down, or `null` when too many are open. */
  issue(inviter: string, now: number): Issued | null
  /** Writes an issued claim down; inside a transaction only, as `take`. */
  keep(issued: Issued): void
  /** What a claim is worth as far as is known without a transaction. */
  look(claim: string, now: number): OpenClaim | 'expired' | 'unknown'
  /** The same as the transaction sees it. */
  find(claim: string, now: number): OpenClaim | 'expired' | 'unknown'
  /** Uses what was found up, once. */
  use(claim: string, found: OpenClaim): void
  /** Called once the use is durable. */
  used(claim: string, found: OpenClaim): void
}

export type Issued = {
  readonly claim: string
  readonly hash: Buffer
  readonly row: OpenClaim
  /** Those that are good no longer. */
  readonly dropped: readonly Buffer[]
}
export type OpenClaim = { readonly expiresAt: number; readonly uses: number; readonly inviter: string }

/** Each inviter's newest so many are good. */
const maxPerInviter = 10
const maxOpen = 10_000
const claimForm = /^[A-Za-z0-9_-]{22}$/
const prefix = 'c'.charCodeAt(0)

/**
 * Keeps claims of 128 random bits by their hash: `'c' | SHA-256 → expiry (6) | uses (4) | inviter (32)`. What is compared
 * is the hash, so that the time it takes tells nothing about a claim that is good, and who reads the file has none.
 */
export function createClaims(database: Rows, { lastSeconds, uses }: { lastSeconds: number; uses: number }): Claims {
  /** The open ones by hash, oldest first. */
  const open = new Map<string, OpenClaim>()
  const start = Buffer.from([prefix])
  const stored = [...database.getRange({ start, end: Buffer.from([prefix + 1]) })]
  const rows = stored.map(({ key, value }) => [key.subarray(1).toString('hex'), decode(value)] as const)
  rows.sort(([, a], [, b]) => a.expiresAt - b.expiresAt)
  for (const [hash, row] of rows) open.set(hash, row)

  const keyOf = (hash: Buffer) => Buffer.concat([start, hash])

  /** Drops what has been over for as long as it lasted, and the inviter's oldest. */
  const makeRoom = (inviter: string, now: number): Buffer[] => {
    const own: string[] = []
    const dropped: string[] = []
    for (const [hash, row] of open) {
      if (row.expiresAt + lastSeconds <= now) dropped.push(hash)
      else if (row.inviter === inviter) own.push(hash)
    }
    dropped.push(...own.slice(0, Math.max(0, own.length - maxPerInviter + 1)))
    for (const hash of dropped) open.delete(hash)
    return dropped.map(hash => Buffer.from(hash, 'hex'))
  }

  return {
    issue: (inviter, now) => {
      const dropped = makeRoom(inviter, now)
      if (open.size >= maxOpen) return null
      const claim = randomBytes(16).toString('base64url')
      const hash = hashOf(claim)
      const row: OpenClaim = { expiresAt: now + lastSeconds, uses, inviter }
      open.set(hash.toString('hex'), row)
      return { claim, hash, row, dropped }
    },
    keep: ({ hash, row, dropped }) => {
      for (const old of dropped) database.removeSync(keyOf(old))
      database.putSync(keyOf(hash), encode(row))
    },
    look: (claim, now) => {
      return claimForm.test(claim) ? worth(open.get(hashOf(claim).toString('hex')), now) : 'unknown'
    },
    find: (claim, now) => {
      const value = database.get(keyOf(hashOf(claim)))
      return worth(value === undefined ? undefined : decode(value), now)
    },
    use: (claim, found) => {
      const key = keyOf(hashOf(claim))
      if (found.uses > 1) database.putSync(key, encode({ ...found, uses: found.uses - 1 }))
      else database.removeSync(key)
    },
    used: (claim, found) => {
      const hash = hashOf(claim).toString('hex')
      if (found.uses > 1) open.set(hash, { ...found, uses: found.uses - 1 })
      else open.delete(hash)
    },
  }
}

function worth(claim: OpenClaim | undefined, now: number): OpenClaim | 'expired' | 'unknown' {
  if (claim === undefined) return 'unknown'
  return claim.expiresAt <= now ? 'expired' : claim
}

function hashOf(claim: string): Buffer {
  return createHash('sha256').update(claim).digest()
}

function encode({ expiresAt, uses, inviter }: OpenClaim): Buffer {
  const value = Buffer.alloc(42)
  value.writeUIntBE(expiresAt, 0, 6)
  value.writeUInt32BE(uses, 6)
  value.write(inviter, 10, 'hex')
  return value
}

function decode(value: Buffer): OpenClaim {
  return {
    expiresAt: value.readUIntBE(0, 6),
    uses: value.readUInt32BE(6),
    inviter: value.toString('hex', 10, 42),
  }
}
