import type { Exposition, Sample } from '../../relay/metrics/exposition.ts'
import type { BridgeState } from '../bridge/bridge.ts'

/**
 * Exposes how the bridge stands with other relays, each of the operator's by its URL; those of customers come and go, and are
 * strangers' words, so they are one.
 */
export function exposeBridge({ gauge }: Exposition, state: () => readonly BridgeState[]): void {
  const perRelay = (value: (relay: BridgeState) => number) => () => {
    const sums = new Map<string, number>()
    for (const relay of state()) {
      const label = relay.of === 'operator' ? relay.relay : 'customers'
      sums.set(label, (sums.get(label) ?? 0) + value(relay))
    }
    return [...sums].map(([label, sum]): Sample => [sum, label])
  }
  const labels = ['relay']
  gauge(
    { name: 'panda_bridge_connected', help: 'Other relays that are connected.', labels },
    perRelay(({ connected }) => (connected ? 1 : 0)),
  )
  gauge(
    { name: 'panda_bridge_caught_up', help: '1 where all that was sent while away has been seen.', labels },
    perRelay(({ caughtUp }) => (caughtUp === true ? 1 : 0)),
  )
  gauge(
    { name: 'panda_bridge_waiting_commands', help: 'Commands from other relays that wait here.', labels },
    perRelay(({ waiting }) => waiting),
  )
  gauge(
    { name: 'panda_bridge_queued_events', help: 'Events that wait for other relays.', labels },
    perRelay(({ queued }) => queued),
  )
  gauge(
    { name: 'panda_bridge_dropped_events', help: 'Events that were given up since the start.', labels },
    perRelay(({ dropped }) => dropped),
  )
}
