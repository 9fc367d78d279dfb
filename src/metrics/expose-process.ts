import { readFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { collectDefaultMetrics, type Registry } from 'prom-client'
import type { Exposition, Sample } from '../../relay/metrics/exposition.ts'

const resolutionMs = 10
const quantiles = [0.5, 0.99, 0.999, 1]

/** They list every socket, which with thousands of them takes longer than anything else may; or are better told below. */
const unwanted = /^(process_open_fds|nodejs_active_.*|nodejs_eventloop_lag_.*)$/

/** Exposes how the process is doing. Call what it returns when nobody asks any more. */
export function exposeProcess({ gauge }: Exposition, registry: Registry): () => void {
  collectDefaultMetrics({ register: registry, eventLoopMonitoringPrecision: 1_000 })
  for (const { name } of registry.getMetricsAsArray()) if (unwanted.test(name)) registry.removeSingleMetric(name)

  const delay = monitorEventLoopDelay({ resolution: resolutionMs })
  delay.enable()
  gauge(
    {
      name: 'panda_event_loop_delay_seconds',
      help: 'How late the event loop was since the last scrape.',
      labels: ['quantile'],
    },
    () => {
      // What is measured is the time between two looks, which is the resolution when nothing is late.
      const late = (nanoseconds: number) => Math.max(0, nanoseconds / 1e9 - resolutionMs / 1e3)
      const samples = quantiles.map((quantile): Sample => [late(delay.percentile(quantile * 100)), String(quantile)])
      delay.reset()
      return samples
    },
  )
  gauge({ name: 'panda_anonymous_memory_bytes', help: 'Memory without the mapped data file.' }, () => {
    const bytes = anonymousBytes()
    return bytes === null ? [] : bytes
  })
  return () => delay.disable()
}

/** `RssAnon`, since the resident size counts the map; `null` where the system does not say. */
function anonymousBytes(): number | null {
  if (process.platform !== 'linux') return null
  const kibibytes = /^RssAnon:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]
  return kibibytes === undefined ? null : Number(kibibytes) * 1_024
}
