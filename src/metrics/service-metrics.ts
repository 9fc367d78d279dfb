import {
  createRelayMetrics,
  createWriterMetrics,
  type RelayMetrics,
  type WriterMetrics,
} from '../../relay/metrics/metrics.ts'
import { createTally, type Tally } from './tally.ts'

/** What the service counts. No label is ever a key, a name, an address or anything else that a client has sent. */
export type ServiceMetrics = {
  readonly relay: RelayMetrics
  readonly writer: WriterMetrics
  /** Commands and facts by method and outcome: a status, or the code of a refusal. */
  readonly commands: Tally
  /** Queries by method and outcome: `ok`, or the code of a refusal. */
  readonly queries: Tally
  /** Commands and queries refused before anything was written, by what they were and code. */
  readonly admissionRefusals: Tally
  /** Refusals by the ration that was used up. */
  readonly rations: Tally
  /** Tries at jobs by type and outcome. */
  readonly jobs: Tally
  /** HTTP replies by route and status. */
  readonly replies: Tally
  /** What the operator's tools have under way over the control socket. */
  readonly tools: ToolCounts
  /** Connections ended before anything was read from them: `address` or `total`. */
  readonly connectionsRefused: Tally
  /** HTTP connections ended for what their clients did: `pipelined`, `unread-time` or `unread-bytes`. */
  readonly connectionsEnded: Tally
}

/** How many of each tool that writes is under way. */
type ToolCounts = Record<'relay.import' | 'relay.delete' | 'relay.sync', number>

/** Makes the counters of the service, all empty. */
export function createServiceMetrics(): ServiceMetrics {
  return {
    relay: createRelayMetrics(),
    writer: createWriterMetrics(),
    commands: createTally(),
    queries: createTally(),
    admissionRefusals: createTally(),
    rations: createTally(),
    jobs: createTally(),
    replies: createTally(),
    tools: { 'relay.import': 0, 'relay.delete': 0, 'relay.sync': 0 },
    connectionsRefused: createTally(),
    connectionsEnded: createTally(),
  }
}
