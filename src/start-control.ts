import type { Logger } from 'pino'
import type { IsProtected } from '../relay/host.ts'
import type { Relay } from '../relay/relay.ts'
import type { Writer } from '../relay/store/writer.ts'
import { modestShare } from '../relay/sync/import.ts'
import type { DevWallet } from './adapters/lightning/dev-wallet/wallet.ts'
import { clockHandlers } from './cli/clock-handlers.ts'
import { controlSocketPath, createControlServer } from './cli/control-socket.ts'
import { devWalletHandlers } from './cli/dev.ts'
import { countStreams, createRelayWork, relayStreams } from './cli/relay-handlers.ts'
import { syncStream } from './cli/relay-sync-stream.ts'
import type { Config } from './config.ts'
import type { ServiceMetrics } from './metrics/service-metrics.ts'
import type { LogClock } from './pipeline/log-clock.ts'

/** Listens on the control socket for the `panda` command of this machine, which the operator has to himself. */
export function startControl(options: {
  directory: string
  config: Config
  relay: Relay
  writer: Writer
  isProtected: IsProtected
  /** `null` when the wallet is a real one, which pays nothing because somebody says so. */
  devWallet: DevWallet | null
  clock: LogClock
  /** Unix seconds. */
  now(): number
  metrics: ServiceMetrics
  log: Logger
}): ReturnType<typeof createControlServer> {
  const { directory, config, relay, writer, isProtected, devWallet, clock, now, metrics, log } = options
  const { limits } = config.relay
  const work = createRelayWork(
    { relay, writer, isProtected },
    {
      maxEventBytes: limits.maxEventBytes,
      share: modestShare,
      now,
      removed: count => {
        metrics.relay.deleted += count
      },
    },
  )
  const streams = { ...relayStreams(work), 'relay.sync': syncStream(relay, { limits, share: modestShare, now }) }
  return createControlServer({
    path: controlSocketPath(directory),
    handlers: { ...(devWallet === null ? {} : devWalletHandlers(devWallet)), ...clockHandlers(clock, log) },
    streams: countStreams(streams, metrics.tools),
    report: error => log.error({ event: 'control.failed', error }),
  })
}
