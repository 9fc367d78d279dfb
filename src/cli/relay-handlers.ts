import { z } from 'zod'
import { type Removed, removeEvents } from '../../relay/store/remove-events.ts'
import { type ImportShare, importLines } from '../../relay/sync/import.ts'
import type { ImportReport } from '../../relay/sync/import-report.ts'
import { checkParams } from '../protocol/faults.ts'
import type { ControlReply } from './control-socket.ts'
import type { ControlStream, ControlWork } from './control-stream.ts'
import { operatorsFilter } from './relay-filter.ts'
import type { WritableRelay } from './relay-offline.ts'

const tellEveryMs = 1_000

const deleteParams = z.strictObject({ filter: z.record(z.string(), z.unknown()), dryRun: z.boolean() })

/** What the tools ask of the process that has the data directory: the service, or they themselves. */
export type RelayWork = {
  import(work: ControlWork): Promise<ImportReport>
  delete(params: z.output<typeof deleteParams>, work: Omit<ControlWork, 'input'>): Promise<ControlReply>
}

/** Makes the work on an open relay; `share` is how much of it an import may take up. */
export function createRelayWork(
  { relay, writer, isProtected }: WritableRelay,
  {
    maxEventBytes,
    share,
    now,
    removed,
  }: {
    maxEventBytes: number
    share: ImportShare
    now(): number
    /** Hears of events that `delete` has removed, as it does. */
    removed(count: number): void
  },
): RelayWork {
  return {
    import: async ({ input, tell, signal }) => {
      const { submit, stats } = relay
      const options = { chunks: input, name: 'panda relay import', submit, load: stats, maxEventBytes, share, signal }
      const under = importLines(options)
      return telling(under.done, () => tell(under.report()))
    },
    delete: async ({ filter: wanted, dryRun }, { tell, signal }) => {
      const parsed = operatorsFilter(wanted)
      if (!parsed.ok) return { ok: false, error: `the filter cannot be used: ${parsed.reason}` }
      let counted: Removed = { removed: 0, protected: 0 }
      let told = 0
      const progress = (soFar: Removed) => {
        counted = soFar
        removed(soFar.removed - told)
        told = soFar.removed
      }
      const remover = { store: relay.store, writer, isProtected, now }
      const removing = removeEvents(parsed.filter, remover, { dryRun, signal, progress })
      return { ok: true, result: await telling(removing, () => tell(counted)) }
    },
  }
}

/** The long methods `relay.import` and `relay.delete` of the control socket. */
export function relayStreams(work: RelayWork): Record<'relay.import' | 'relay.delete', ControlStream> {
  return {
    'relay.import': async (_params, given) => ({ ok: true, result: await work.import(given) }),
    'relay.delete': async (params, given) => {
      const checked = checkParams(deleteParams, params)
      if (checked.ok) return work.delete(checked.params, given)
      return { ok: false, error: checked.faults.map(({ path, message }) => `${path}: ${message}`).join('; ') }
    },
  }
}

/** The same long methods, counted by name while they are under way. */
export function countStreams<Method extends string>(
  streams: Readonly<Record<Method, ControlStream>>,
  underWay: Record<Method, number>,
): Record<string, ControlStream> {
  const counted = (method: Method): ControlStream => {
    return async (params, work) => {
      underWay[method]++
      try {
        return await streams[method](params, work)
      } finally {
        underWay[method]--
      }
    }
  }
  return Object.fromEntries((Object.keys(streams) as Method[]).map(method => [method, counted(method)]))
}

/** Waits for work, and tells every second how far it is. */
export async function telling<T>(promise: Promise<T>, tell: () => void): Promise<T> {
  const timer = setInterval(tell, tellEveryMs)
  try {
    return await promise
  } finally {
    clearInterval(timer)
  }
}
