import { type PreparedLoad, prepareLoad } from './child.ts'
import type { LoadResult, RelayTask } from './load-task.ts'
import { cpuMsOf } from './process-usage.ts'

/** A relay on this machine, as the process that it is and where it listens. */
export type RelayProcess = {
  readonly pid: number
  readonly port: number
  readonly path: string
  /** From its start until it served; of a relay that we did not start, `undefined`. */
  readonly startMs?: number
  /** Watches its event loop, where we could have that watched. */
  readonly loop?: LoopWatch
}

/** `end` tells of everything since the first `begin`, without the times between. */
export type LoopWatch = { begin(): Promise<void>; end(): Promise<LoopDelay> }

/** How late the event loop was. */
export type LoopDelay = { readonly p999Ms: number; readonly maxMs: number }

/** A relay under measurement. */
export type Trial = {
  readonly relay: RelayProcess
  prepare(task: RelayTask): Promise<PreparedLoad>
  /** Runs tasks at the same time, once all are prepared; `cpuMs` is the processor time that the relay took for all. */
  measure<Tasks extends readonly RelayTask[]>(
    ...tasks: Tasks
  ): Promise<{ cpuMs: number; results: { [Index in keyof Tasks]: LoadResult } }>
  /** The same for anything else that is done to the relay. */
  during<T>(work: () => Promise<T>): Promise<{ cpuMs: number; value: T }>
  /** In everything measured so far; `undefined` where nobody watches. */
  delay(): LoopDelay | undefined
}

/** Begins a trial. */
export function openTrial(relay: RelayProcess): Trial {
  const { pid, port, path, loop } = relay
  let delay: LoopDelay | undefined
  const prepare = (task: RelayTask) => prepareLoad({ ...task, port, path })

  const during = async <T>(work: () => Promise<T>) => {
    await loop?.begin()
    const beforeMs = cpuMsOf(pid)
    const value = await work()
    const cpuMs = cpuMsOf(pid) - beforeMs
    delay = await loop?.end()
    return { cpuMs, value }
  }

  return {
    relay,
    prepare,
    measure: async <Tasks extends readonly RelayTask[]>(...tasks: Tasks) => {
      const loads: PreparedLoad[] = []
      for (const task of tasks) loads.push(await prepare(task))
      const { cpuMs, value } = await during(() => Promise.all(loads.map(load => load.run())))
      return { cpuMs, results: value as { [Index in keyof Tasks]: LoadResult } }
    },
    during,
    delay: () => delay,
  }
}
