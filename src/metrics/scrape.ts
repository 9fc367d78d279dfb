import { Registry } from 'prom-client'
import { exposeRelay } from '../../relay/metrics/expose.ts'
import { createExposition } from '../../relay/metrics/exposition.ts'
import type { Relay } from '../../relay/relay.ts'
import type { Writer } from '../../relay/store/writer.ts'
import type { BridgeState } from '../bridge/bridge.ts'
import { exposeBridge } from './expose-bridge.ts'
import { exposeProcess } from './expose-process.ts'
import { exposeService, type ServiceParts } from './expose-service.ts'
import type { ServiceMetrics } from './service-metrics.ts'

/** Everything that is measured, in the text format of Prometheus. */
export type Scrape = {
  /** Those who ask at the same time share an answer. */
  text(): Promise<string>
  stop(): void
}

/** Makes the scrape. What cannot be read is left out and reported. */
export function createScrape(
  metrics: ServiceMetrics,
  parts: ServiceParts & {
    relay: Relay
    writer: Writer
    bridge(): readonly BridgeState[]
    onError(error: unknown): void
  },
): Scrape {
  const { relay, writer, bridge, onError } = parts
  const registry = new Registry()
  const exposition = createExposition(registry, onError)
  exposeRelay(exposition, { relay, writer, metrics: metrics.relay, writerMetrics: metrics.writer })
  exposeService(exposition, metrics, parts)
  exposeBridge(exposition, bridge)
  const stop = exposeProcess(exposition, registry)
  let underWay: Promise<string> | null = null
  let isStopped = false
  return {
    text: () => {
      // What would be read then is closed.
      if (isStopped) return Promise.resolve('')
      underWay ??= registry.metrics().finally(() => {
        underWay = null
      })
      return underWay
    },
    stop: () => {
      isStopped = true
      stop()
    },
  }
}
