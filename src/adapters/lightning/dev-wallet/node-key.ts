import { createECDH, createHmac, randomBytes } from 'node:crypto'
import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, statSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'

/** The key of the wallet's node and what follows from it; bytes in hex unless they are a Buffer. */
export type NodeKey = {
  readonly secretKey: Buffer
  /** Compressed public key, 33 bytes. */
  readonly nodeId: string
  /** What an invoice tells its payer beside the payment hash; the same for the same hash, for ever. */
  paymentSecretOf(paymentHash: string): string
  /** The key of a node that is not the wallet's: for invoices of others. */
  readonly outsideKey: Buffer
}

/** Reads the node's key (64 hex digits) from a file of mode 600, or creates it. Throws when others can read it. */
export function openNodeKey(file: string): NodeKey {
  if (!existsSync(file)) createKeyFile(file)
  if ((statSync(file).mode & 0o077) !== 0) throw new Error(`${file} can be read by others: chmod 600 it`)
  const text = readFileSync(file, 'utf8').trim()
  if (!/^[0-9a-f]{64}$/.test(text)) throw new Error(`${file} does not hold a key of 64 hex digits`)
  const secretKey = Buffer.from(text, 'hex')
  const curve = createECDH('secp256k1')
  curve.setPrivateKey(secretKey)
  const derive = (purpose: string) => createHmac('sha256', secretKey).update(purpose).digest()
  return {
    secretKey,
    nodeId: curve.getPublicKey('hex', 'compressed'),
    paymentSecretOf: paymentHash => derive(`payment-secret:${paymentHash}`).toString('hex'),
    outsideKey: derive('outside'),
  }
}

/** Written aside and renamed, so that a crash leaves a whole key or none. */
function createKeyFile(file: string): void {
  const draft = `${file}.new`
  const descriptor = openSync(draft, 'w', 0o600)
  writeSync(descriptor, `${randomBytes(32).toString('hex')}\n`)
  fsyncSync(descriptor)
  closeSync(descriptor)
  renameSync(draft, file)
  const directory = openSync(dirname(file), 'r')
  fsyncSync(directory)
  closeSync(directory)
}
