import type { Logger } from 'pino'
import type { Relay } from '../relay/relay.ts'
import type { Secp256k1 } from '../relay/signatures/secp256k1.ts'
import { type Bridge, startBridge } from './bridge/bridge.ts'
import type { Outbound } from './bridge/outbound.ts'
import type { Config } from './config.ts'
import type { Signer } from './protocol/signer.ts'
import type { Environment } from './store/environment.ts'

/** Starts the bridge as the configuration has it, and logs what becomes of other relays. */
export function startLoggedBridge(options: {
  config: Config
  environment: Environment
  secp: Secp256k1
  signer: Signer
  relay: Relay
  outbound: Outbound
  ownUrls: readonly string[]
  now(): number
  nowMs(): number
  log: Logger
}): Promise<Bridge> {
  const { config, log, ...parts } = options
  return startBridge({
    ...parts,
    config: config.bridge,
    maxMessageBytes: config.relay.limits.maxMessageBytes,
    onLost: count => log.warn({ event: 'bridge.queue-full', lost: count }),
    onNews: ({ kind, ...fields }) => log[kind === 'back' ? 'info' : 'warn']({ event: `bridge.${kind}`, ...fields }),
    onError: error => log.error({ event: 'bridge.failed', error }),
  })
}
