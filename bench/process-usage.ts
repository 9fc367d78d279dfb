import { readFileSync } from 'node:fs'

/** Linux counts the processor time of processes in hundredths of a second, whatever the kernel's own tick is. */
const millisecondsPerTick = 10

/** The processor time that a process has used, all its threads together, in milliseconds (proc(5), fields 14 and 15). */
export function cpuMsOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8')
  // The second field is the program's name in brackets, which may hold spaces.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11]) + Number(fields[12])) * millisecondsPerTick
}

/** The memory of a process that is not the map of a file, in MiB: what LMDB has mapped is the page cache's. */
export function anonymousMiBOf(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const kib = /^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1]
  if (kib === undefined) throw new Error('this system does not report RssAnon')
  return Number(kib) / 1024
}

/** How many files and sockets a process may have open at present. */
export function openFilesLimitOf(pid: number): number {
  const limits = readFileSync(`/proc/${pid}/limits`, 'utf8')
  const soft = /^Max open files +(\d+)/m.exec(limits)?.[1]
  return soft === undefined ? Number.POSITIVE_INFINITY : Number(soft)
}

/** What a piece of work in this process took. */
export type Cost = { readonly wallMs: number; readonly cpuMs: number }

/** Measures work in this process; processor time counts all threads, LMDB's writing one included. */
export async function costOf(work: () => void | Promise<void>): Promise<Cost> {
  const cpuBefore = process.cpuUsage()
  const startMs = performance.now()
  await work()
  const { user, system } = process.cpuUsage(cpuBefore)
  return { wallMs: performance.now() - startMs, cpuMs: (user + system) / 1_000 }
}
