import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { nip19 } from 'nostr-tools'
import { loadSecp256k1 } from '../../relay/signatures/secp256k1-load.ts'
import { loadOrCreateKey } from '../service-key.ts'
import { type CommandLine, configure, exitCodes, expectNoMore } from './command-line.ts'
import { messageOf } from './failure.ts'

/** `panda pubkey`: the service's public key as npub and hex. It makes no key; the first start does. */
export async function pubkey(args: readonly string[], line: CommandLine): Promise<number> {
  const configured = configure(args, line)
  if ('exitCode' in configured) return configured.exitCode
  if (!expectNoMore(configured.rest, line)) return exitCodes.usage
  const file = join(configured.config.data, 'service.key')
  if (!existsSync(file)) {
    line.complain(`panda: there is no key in ${configured.config.data} yet; panda start makes one`)
    return exitCodes.failed
  }
  try {
    const { secretKey } = loadOrCreateKey(file)
    const hex = Buffer.from((await loadSecp256k1()).publicKey(secretKey)).toString('hex')
    line.print(nip19.npubEncode(hex))
    line.print(hex)
  } catch (error) {
    line.complain(`panda: ${messageOf(error)}`)
    return exitCodes.failed
  }
  return exitCodes.done
}
