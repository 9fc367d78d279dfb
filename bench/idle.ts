import { setTimeout as sleep } from 'node:timers/promises'
import { startFloorServer } from './child.ts'
import { anonymousMiBOf, openFilesLimitOf } from './process-usage.ts'
import type { Stage } from './stage.ts'
import { openTrial, type Trial } from './trial.ts'

const wanted = 10_000
const warmUpConnections = 200
/** What else a process has open. */
const filesBesides = 300

/** Connections that say nothing: the memory of each, beside a bare server of websockets. */
export async function measureIdle(stage: Stage): Promise<void> {
  const { report, small } = stage
  // Long enough for garbage to go, and for a round of pings.
  const settleMs = small ? 500 : 35_000
  const stored = stage.stored()
  const measure = (trial: Trial) => memoryOfEach(trial, small ? wanted / 10 : wanted, settleMs)
  const naive = await startFloorServer('naive-relay')
  const floor = await measure(openTrial(naive)).finally(naive.stop)
  const { connections, kib, cpuUs } = await stage.play('idle', measure)
  const add = (what: string, value: number, unit: string, bound: number, target = {}) =>
    report.add({
      figure: `${connections} idle connections: ${what}`,
      value,
      unit,
      floor: bound,
      ratio: bound / value,
      stored,
      ...target,
    })
  add('server CPU of each to connect', cpuUs, 'us', floor.cpuUs)
  add('memory of each', kib, 'KiB', floor.kib, { target: { atMost: 20 } })
}

/** Fewer than asked for where the system does not let the processes open so many. */
async function memoryOfEach(trial: Trial, most: number, settleMs: number) {
  const { pid } = trial.relay
  const connections = Math.min(most, openFilesLimitOf(pid) - filesBesides, openFilesLimitOf(process.pid) - filesBesides)
  await (await trial.prepare({ kind: 'idle', connections: warmUpConnections })).run()
  await sleep(settleMs)
  const beforeMiB = anonymousMiBOf(pid)
  const { cpuMs, value: load } = await trial.during(() => trial.prepare({ kind: 'idle', connections }))
  await trial.during(() => sleep(settleMs))
  const kib = ((anonymousMiBOf(pid) - beforeMiB) * 1_024) / connections
  await load.run()
  return { connections, kib, cpuUs: (cpuMs * 1_000) / connections }
}
