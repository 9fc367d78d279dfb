import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto'
import type { Environment } from './environment.ts'
import { tables } from './tables.ts'

/**
 * Secrets of accounts, outside the log and in no fact: encrypted with a random key per account, which is itself encrypted
 * with the key of the store. What writes runs inside the writer's transaction. Times are Unix seconds.
 */
export type Secrets = {
  /** Keeps a secret; the same call again gives the same handle. `full`: the account has too many; `erased`: it was, since. */
  put(
    account: string,
    wanted: { callId: string; kind: string; secret: string; label: string; time: number },
  ): { readonly handle: string } | 'full' | 'erased'
  /** Whether there was such a secret. */
  erase(account: string, handle: string, time: number): boolean
  /** Erases the account's key with all that it has; says how many secrets there were. */
  eraseAll(account: string, time: number): number
  /** The secret itself; `null`: the account has none of that handle, or it was kept with another key of the store. */
  open(account: string, handle: string): { readonly kind: string; readonly secret: string } | null
  /** Whether the key of the store is the one that what is kept was kept with, as far as a look at one account tells. */
  isReadable(): boolean
}

const maxPerAccount = 20
const algorithm = 'aes-256-gcm'
const nonceBytes = 12
const tagBytes = 16

/**
 * Opens the store. For `replaySeconds` after a secret was put its call could come again, from anybody who has seen it: so
 * long an erased one leaves its handle behind, and counts.
 */
export function openSecrets(options: {
  environment: Environment
  storeKey: Uint8Array
  replaySeconds: number
}): Secrets {
  const { environment, storeKey, replaySeconds } = options
  const { reader, transactor } = environment
  const rowsOf = (account: string) => reader.range(tables.secrets, [account])

  const accountKey = (account: string): Buffer | null => {
    const row = reader.get(tables.secretKeys, [account])
    return row === undefined ? null : unseal(storeKey, row.sealed, `key of ${account}`)
  }
  const makeAccountKey = (account: string, time: number): Buffer => {
    const key = randomBytes(32)
    transactor.put(tables.secretKeys, [account], { sealed: seal(storeKey, key, `key of ${account}`), createdAt: time })
    return key
  }
  /** Unguessable, and the same for the same call. */
  const handleOf = (account: string, callId: string) =>
    createHmac('sha256', storeKey).update(`handle:${account}:${callId}`).digest('hex').slice(0, 32)

  const tidy = (account: string, time: number) => {
    for (const { key, row } of rowsOf(account)) {
      if (row.goneAt !== null && row.goneAt <= time) transactor.delete(tables.secrets, key)
    }
  }
  const eraseRow = (account: string, handle: string, time: number): boolean => {
    const row = reader.get(tables.secrets, [account, handle])
    if (row === undefined || row.sealed === null) return false
    const goneAt = row.createdAt + replaySeconds
    if (goneAt <= time) transactor.delete(tables.secrets, [account, handle])
    else transactor.put(tables.secrets, [account, handle], { ...row, label: '', sealed: null, goneAt })
    return true
  }

  return {
    put: (account, { callId, kind, secret, label, time }) => {
      const handle = handleOf(account, callId)
      const before = reader.get(tables.secrets, [account, handle])
      if (before !== undefined) return before.sealed === null ? 'erased' : { handle }
      tidy(account, time)
      if (rowsOf(account).length >= maxPerAccount) return 'full'
      const key = accountKey(account) ?? makeAccountKey(account, time)
      const sealed = seal(key, Buffer.from(secret, 'utf8'), placeOf(account, handle, kind))
      transactor.put(tables.secrets, [account, handle], { kind, label, createdAt: time, sealed, goneAt: null })
      return { handle }
    },
    erase: eraseRow,
    eraseAll: (account, time) => {
      const erased = rowsOf(account).filter(({ key }) => eraseRow(account, key[1], time)).length
      transactor.delete(tables.secretKeys, [account])
      return erased
    },
    open: (account, handle) => {
      const row = reader.get(tables.secrets, [account, handle])
      const key = row === undefined || row.sealed === null ? null : accountKey(account)
      if (row === undefined || row.sealed === null || key === null) return null
      const secret = unseal(key, row.sealed, placeOf(account, handle, row.kind))
      return secret === null ? null : { kind: row.kind, secret: secret.toString('utf8') }
    },
    isReadable: () => {
      const [first] = reader.range(tables.secretKeys, [], { limit: 1 })
      return first === undefined || accountKey(first.key[0]) !== null
    },
  }
}

/** What a secret belongs to is authenticated with it: a row that was moved cannot be read. */
function placeOf(account: string, handle: string, kind: string): string {
  return `${kind} ${handle} of ${account}`
}

function seal(key: Uint8Array, plain: Uint8Array, place: string): string {
  const nonce = randomBytes(nonceBytes)
  const cipher = createCipheriv(algorithm, key, nonce, { authTagLength: tagBytes })
  cipher.setAAD(Buffer.from(place))
  return Buffer.concat([nonce, cipher.update(plain), cipher.final(), cipher.getAuthTag()]).toString('base64')
}

function unseal(key: Uint8Array, sealed: string, place: string): Buffer | null {
  const bytes = Buffer.from(sealed, 'base64')
  const decipher = createDecipheriv(algorithm, key, bytes.subarray(0, nonceBytes), { authTagLength: tagBytes })
  decipher.setAAD(Buffer.from(place))
  decipher.setAuthTag(bytes.subarray(-tagBytes))
  try {
    return Buffer.concat([decipher.update(bytes.subarray(nonceBytes, -tagBytes)), decipher.final()])
  } catch {
    // Another key or place: that is how the library says it.
    return null
  }
}
