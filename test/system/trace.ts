/** A system call of the traced process; times in seconds. */
export type Call = {
  readonly name: string
  readonly startSeconds: number
  readonly endSeconds: number
  /** Its arguments and result as strace shows them. */
  readonly text: string
}

const begun = /^(\d+) +(\d+\.\d+) (\w+)\((.*)$/
const resumed = /^(\d+) +(\d+\.\d+) <\.\.\. (\w+) resumed>(.*)$/
const duration = / <(\d+\.\d+)>$/
/** Records that go to the data file hold the same texts as messages. */
const ofSocket = /^\d+<socket:/
const unfinished = ' <unfinished ...>'

/** Reads what `strace -f -ttt -T` wrote, in the order in which the calls ended. */
export function parseTrace(trace: string): Call[] {
  const calls: Call[] = []
  const open = new Map<string, { startSeconds: number; text: string }>()
  for (const line of trace.split('\n')) {
    const start = begun.exec(line)
    if (start !== null) {
      const [, thread = '', at, name = '', text = ''] = start
      const startSeconds = Number(at)
      if (text.endsWith(unfinished)) open.set(thread, { startSeconds, text: text.slice(0, -unfinished.length) })
      else calls.push({ name, startSeconds, endSeconds: startSeconds + tookSeconds(text), text })
      continue
    }
    const [, thread = '', at, name = '', rest = ''] = resumed.exec(line) ?? []
    const first = open.get(thread)
    if (first === undefined) continue
    open.delete(thread)
    calls.push({ name, startSeconds: first.startSeconds, endSeconds: Number(at), text: first.text + rest })
  }
  return calls.sort((one, other) => one.endSeconds - other.endSeconds)
}

function tookSeconds(text: string): number {
  return Number(duration.exec(text)?.[1] ?? 0)
}

/** How an acknowledgement stands to the disk. */
export type Finding = { readonly about: string; readonly fault: 'nothing was written' | 'not synced' | null }

/**
 * For each acknowledgement, given as the text by which its write to a socket is known: whether what was written to the
 * data file since the event came in (the last read of that socket) was on disk before the acknowledgement began to leave.
 * Throws when an acknowledgement is not in the trace.
 */
export function findUnsynced(calls: readonly Call[], dataFile: string, acknowledgements: readonly string[]): Finding[] {
  // What goes through a descriptor opened with O_DSYNC (LMDB's own for its last page) is on disk when the call ends.
  const synchronous = new Set<string>()
  for (const { name, text } of calls) {
    if (name !== 'openat' || !text.includes(`"${dataFile}"`) || !text.includes('O_DSYNC')) continue
    synchronous.add(/ = (\d+)</.exec(text)?.[1] ?? '')
  }
  const ofData = calls.filter(({ text }) => {
    const [, descriptor = '', path] = /^(\d+)<([^>]*)>/.exec(text) ?? []
    return path === dataFile && !synchronous.has(descriptor)
  })
  const writes = ofData.filter(({ name }) => name.startsWith('pwrite') || name.startsWith('write'))
  const syncs = ofData.filter(({ name, text }) => isSync(name) && / = 0\b/.test(text))
  return acknowledgements.map(about => {
    const leaving = calls.find(({ name, text }) => isSend(name) && ofSocket.test(text) && text.includes(about))
    if (leaving === undefined) throw new Error(`the trace does not show how ${about} was sent`)
    const socket = leaving.text.slice(0, leaving.text.indexOf('>') + 1)
    const arrived = calls.findLast(
      ({ name, text, endSeconds }) =>
        isReceive(name) && text.startsWith(socket) && endSeconds <= leaving.startSeconds && / = [1-9]\d*\b/.test(text),
    )
    const since = arrived?.startSeconds ?? 0
    const lastWrite = writes.findLast(
      ({ startSeconds, endSeconds }) => startSeconds >= since && endSeconds <= leaving.startSeconds,
    )
    if (lastWrite === undefined) return { about, fault: 'nothing was written' }
    const isSynced = syncs.some(
      ({ startSeconds, endSeconds }) => startSeconds >= lastWrite.endSeconds && endSeconds <= leaving.startSeconds,
    )
    return { about, fault: isSynced ? null : 'not synced' }
  })
}

function isSync(name: string): boolean {
  return name === 'fdatasync' || name === 'fsync'
}

function isSend(name: string): boolean {
  return name === 'write' || name === 'writev' || name.startsWith('send')
}

function isReceive(name: string): boolean {
  return name === 'read' || name === 'readv' || name.startsWith('recv')
}
