import { byLabel, type Exposition, type Sample } from '../../relay/metrics/exposition.ts'
import type { Check } from '../http/health.ts'
import type { LogClock } from '../pipeline/log-clock.ts'
import type { Room } from '../store/disk.ts'
import type { Environment } from '../store/environment.ts'
import { readHead } from '../store/log.ts'
import { tables } from '../store/tables.ts'
import type { ServiceMetrics } from './service-metrics.ts'

/** Whose state is read when somebody asks. */
export type ServiceParts = {
  readonly environment: Environment
  readonly disk: { room(): Room; measured(): { usedBytes: number; freeBytes: number } }
  readonly clock: LogClock
  wallSeconds(): number
  /** What has to work, the wallet among it; takes as long as the wallet takes to answer. */
  checks(): Promise<readonly Check[]>
  /** HTTP connections that are open, websockets among them. */
  openConnections(): Promise<number>
}

const rooms: readonly Room[] = ['events', 'commands', 'facts']

/** Exposes what the service has counted and the state that it is in. */
export function exposeService({ counter, gauge }: Exposition, metrics: ServiceMetrics, parts: ServiceParts): void {
  const { environment, disk, clock, wallSeconds, checks, openConnections } = parts
  const byMethod = ['method', 'outcome']
  counter(
    { name: 'panda_commands_total', help: 'Commands and facts applied.', labels: byMethod },
    metrics.commands.read,
  )
  counter({ name: 'panda_queries_total', help: 'Queries answered.', labels: byMethod }, metrics.queries.read)
  counter(
    { name: 'panda_admission_refusals_total', help: 'Refused before anything was written.', labels: ['type', 'code'] },
    metrics.admissionRefusals.read,
  )
  counter(
    { name: 'panda_ration_refusals_total', help: 'Refused since a ration was used up.', labels: ['ration'] },
    metrics.rations.read,
  )
  counter({ name: 'panda_jobs_total', help: 'Tries at jobs.', labels: ['type', 'outcome'] }, metrics.jobs.read)
  counter(
    { name: 'panda_http_requests_total', help: 'HTTP requests answered.', labels: ['route', 'status'] },
    metrics.replies.read,
  )
  counter(
    { name: 'panda_http_connections_refused_total', help: 'Connections beyond a bound.', labels: ['bound'] },
    metrics.connectionsRefused.read,
  )
  counter(
    {
      name: 'panda_http_connections_ended_total',
      help: 'Connections whose clients sent too far ahead or did not read.',
      labels: ['reason'],
    },
    metrics.connectionsEnded.read,
  )

  gauge({ name: 'panda_relay_tools', help: 'Tools under way in the service.', labels: ['method'] }, () =>
    byLabel(metrics.tools),
  )
  gauge({ name: 'panda_http_connections', help: 'Connections open, websockets included.' }, openConnections)
  gauge({ name: 'panda_log_sequence', help: 'Number of the last log entry.' }, () => readHead(environment).seq)
  gauge({ name: 'panda_log_last_entry_timestamp_seconds', help: 'Log time of the last entry.' }, () => {
    return readHead(environment).time
  })
  gauge({ name: 'panda_log_time_lag_seconds', help: 'How far log time is behind the clock.' }, () => {
    return wallSeconds() - clock.now()
  })
  gauge({ name: 'panda_due_lag_seconds', help: 'For how long the first due thing has been waiting.' }, () => {
    const [first] = environment.reader.range(tables.due, [], { limit: 1 })
    return first === undefined ? 0 : Math.max(0, clock.now() - first.key[0])
  })
  gauge({ name: 'panda_table_rows', help: 'Rows of each table; jobs are a queue.', labels: ['table'] }, () => {
    return Object.values(tables).map(({ name }): Sample => {
      const { entryCount } = environment.bytes({ name } as (typeof tables)['jobs']).getStats() as { entryCount: number }
      return [entryCount, name]
    })
  })
  gauge({ name: 'panda_disk_room', help: '1 for what the disk still takes.', labels: ['room'] }, () => {
    return rooms.map((room): Sample => [room === disk.room() ? 1 : 0, room])
  })
  gauge({ name: 'panda_data_used_bytes', help: 'Of the data file, without free pages.' }, () => {
    return disk.measured().usedBytes
  })
  gauge({ name: 'panda_disk_free_bytes', help: 'Free on the disk of the data.' }, () => disk.measured().freeBytes)
  gauge({ name: 'panda_check_ok', help: '1 for what works, as /readyz says.', labels: ['check'] }, async () => {
    return (await checks()).map(({ name, ok }): Sample => [ok ? 1 : 0, name])
  })
}
