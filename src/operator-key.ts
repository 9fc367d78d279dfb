import { join } from 'node:path'
import { nip19 } from 'nostr-tools'
import type { Secp256k1 } from '../relay/signatures/secp256k1.ts'
import type { Config } from './config.ts'
import { loadOrCreateKey } from './service-key.ts'

/**
 * The operators' keys. They come from the configuration; where it names none and the wallet is the development one, a
 * key is made in the data directory, so that there is somebody to try the operator's methods with.
 */
export function operatorsOf(
  config: Config,
  directory: string,
  secp: Secp256k1,
): { keys: readonly string[]; note: string | null } {
  if (config.operators.length > 0) return { keys: config.operators, note: null }
  if (!config.wallet.startsWith('dev:')) {
    return { keys: [], note: 'No operator is configured: nobody can reserve names or change prices by command.' }
  }
  const file = join(directory, 'operator.key')
  const { secretKey } = loadOrCreateKey(file)
  const key = Buffer.from(secp.publicKey(secretKey)).toString('hex')
  const note = `The configuration names no operator, so one was made: ${nip19.npubEncode(key)} (secret key in ${file})`
  return { keys: [key], note }
}
