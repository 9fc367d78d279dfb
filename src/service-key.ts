import { randomBytes } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, statSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'

/**
 * Reads a secret key (64 hex digits) from a file of mode 600, or creates it there. Throws when the file is readable
 * by others or holds something else: a key that has leaked or changed must not be used unnoticed.
 */
export function loadOrCreateKey(file: string): { secretKey: Buffer; created: boolean } {
  if (existsSync(file)) {
    if ((statSync(file).mode & 0o077) !== 0) throw new Error(`${file} can be read by others: chmod 600 it`)
    const text = readFileSync(file, 'utf8').trim()
    if (!/^[0-9a-f]{64}$/.test(text)) throw new Error(`${file} does not hold a key of 64 hex digits`)
    return { secretKey: Buffer.from(text, 'hex'), created: false }
  }
  const secretKey = randomBytes(32)
  // Written aside and renamed, so that a crash leaves no half a key.
  const draft = `${file}.new`
  const descriptor = openSync(draft, 'w', 0o600)
  writeSync(descriptor, `${secretKey.toString('hex')}\n`)
  fsyncSync(descriptor)
  closeSync(descriptor)
  renameSync(draft, file)
  const directory = openSync(dirname(file), 'r')
  fsyncSync(directory)
  closeSync(directory)
  return { secretKey, created: true }
}
