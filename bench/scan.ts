import { filtersFile, questionAbout, questionFile } from './questions.ts'
import type { Stage } from './stage.ts'

const clients = 4
const inFlight = 8
const perSecond = 200

/**
 * A request that finds nothing, and how long others wait while it looks: reactions to any of the authors, when all that
 * there is about them are notes. An index of tags leads to every note; none tells their kind.
 */
export async function measureScan(stage: Stage): Promise<void> {
  const { report, notes, directory, small } = stage
  const stored = stage.stored()
  const seconds = small ? 1 : 10
  const byId = {
    kind: 'request',
    file: questionFile(directory, questionAbout(stage, 'by id')),
    clients,
    inFlight,
  } as const
  const nothing = { kinds: [7], '#p': notes.authors }
  const scan = { kind: 'request', file: filtersFile(directory, 'scan', [nothing]), clients: 1, inFlight: 1 } as const
  await stage.play('scan', async trial => {
    await (await trial.prepare(byId)).run()
    await (await trial.prepare(scan)).run()
    const {
      cpuMs,
      results: [scanned],
    } = await trial.measure({ ...scan, seconds })
    if (scanned.received > 0) throw new Error('the scan found something')
    const {
      results: [alone],
    } = await trial.measure({ ...byId, seconds, perSecond })
    const {
      results: [beside, besides],
    } = await trial.measure({ ...byId, seconds, perSecond }, { ...scan, seconds })

    const add = (figure: string, value: number, unit: string, more = {}) =>
      report.add({ figure, value, unit, stored, ...more })
    const name = `a REQ that scans ${stored} events`
    add(`${name}: server CPU per event scanned`, (cpuMs * 1_000) / scanned.count / stored, 'us')
    add(`${name}: until EOSE, p50`, scanned.p50Ms, 'ms')
    add(`${name}: until EOSE beside others, p50`, besides.p50Ms, 'ms')
    add(`by id, ${perSecond}/s: EOSE p99 without a scan`, alone.p99Ms, 'ms')
    add(`by id, ${perSecond}/s: EOSE p50 beside a scan`, beside.p50Ms, 'ms', { floor: alone.p50Ms })
    add(`by id, ${perSecond}/s: EOSE p99 beside a scan`, beside.p99Ms, 'ms', { floor: alone.p99Ms })
    add('delay by the scan at p99', beside.p99Ms - alone.p99Ms, 'ms', { target: { atMost: 10 } })
  })
}
