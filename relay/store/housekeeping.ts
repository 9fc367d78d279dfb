import type { Host } from '../host.ts'
import type { RelayMetrics } from '../metrics/metrics.ts'
import { type RetentionRule, startRetention } from './retention.ts'
import type { EventStore } from './store.ts'
import type { Writer } from './writer.ts'

const sweepEveryMs = 10_000
const retentionEveryMs = 600_000

/** Removes what has expired (NIP-40), and what the operator does not keep for ever, now and then until stopped. */
export function startHousekeeping(options: {
  store: EventStore
  writer: Writer
  host: Pick<Host, 'isProtected'>
  rules: readonly RetentionRule[]
  /** Whether the clock may be believed: what is removed for its age does not come back. */
  mayRemove(): boolean
  /** Called as often, for others who have something to look after. */
  look(): void
  metrics: RelayMetrics
  now(): number
  onError(error: unknown): void
}): { stop(): Promise<void> } {
  const { store, writer, host, rules, mayRemove, look, metrics, now, onError } = options

  const sweep = () => {
    // A look costs a read; the writer is asked only when something has expired.
    if (!store.hasExpired(now()) || !mayRemove()) return
    writer.submit({
      lane: 'events',
      run: () => store.sweepExpired(now()),
      done: outcome => {
        if (!outcome.ok) return onError(outcome.error)
        store.forgetRemoved()
        metrics.expired += outcome.value
        if (outcome.value > 0) sweep()
      },
    })
  }

  const sweeping = setInterval(() => {
    sweep()
    look()
  }, sweepEveryMs)
  sweeping.unref()
  look()
  const retention = startRetention({
    rules,
    remover: { store, writer, isProtected: host.isProtected, now },
    everyMs: retentionEveryMs,
    mayRemove,
    onRemoved: count => {
      metrics.outdated += count
    },
    onError,
  })

  return {
    stop: () => {
      clearInterval(sweeping)
      return retention.stop()
    },
  }
}
