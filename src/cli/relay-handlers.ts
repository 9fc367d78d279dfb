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
  { maxEventBytes, share, now }: { maxEventBytes: number; share: ImportShare; now(): number },
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
      const progress = (removed: Removed) => {
        counted = removed
      }
      const remover = { store: relay.store, writer, isProtected, now }
      const removing = removeEvents(parsed.filter, remover, { dryRun, signal, progress })
      return { ok: true, result: await telling(removing, () => tell(counted)) }
    },
  }
}

/** The long methods `relay.import` and `relay.delete` of the control socket. */
export function relayStreams(work: RelayWork): Record<string, ControlStream> {
  return {
    'relay.import': async (_params, given) => ({ ok: true, result: await work.import(given) }),
    'relay.delete': async (params, given) => {
      const checked = checkParams(deleteParams, params)
      if (checked.ok) return work.delete(checked.params, given)
      return { ok: false, error: checked.faults.map(({ path, message }) => `${path}: ${message}`).join('; ') }
    },
  }
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
