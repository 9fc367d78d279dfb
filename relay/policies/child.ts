import { type ChildProcess, spawn } from 'node:child_process'
import { createBucket } from '../connection/bucket.ts'
import { createLineReader } from './lines.ts'

/** What an operator should hear of a program. */
export type ChildNote =
  | { readonly what: 'started'; readonly pid: number | undefined }
  | { readonly what: 'ended'; readonly reason: string; readonly restartInMs: number }
  /** A line of its standard error, cut to 500 bytes; of a flood of them, some. */
  | { readonly what: 'says'; readonly line: string }

/** A program that is started again, after a pause, whenever it ends. */
export type Child = {
  /** Whether it runs and its standard input has room. */
  isReady(): boolean
  isRunning(): boolean
  /** Whether it runs, or will within moments: it is being restarted. */
  isUp(): boolean
  /** Writes a line; only when it is ready. */
  write(line: string): void
  /** It does what it should: the next pause is short again. */
  isWell(): void
  /** Ends it, to be started again at once. */
  restart(): void
  /** Ends it for good: by the end of its input and SIGTERM, after a second by SIGKILL. */
  close(): Promise<void>
}

/** Pauses before one that has ended by itself is started again, in ms: each is twice the last, up to `max`. */
export type Pauses = { readonly first: number; readonly max: number }

const usualPauses: Pauses = { first: 1_000, max: 60_000 }
const maxAnswerBytes = 8_192
const maxNoteBytes = 500
const killAfterMs = 1_000
/** For what it wrote last; a grandchild may hold the pipes open for ever. */
const lastWordsMs = 200

/** Starts a program, without a shell, and keeps it running. `onLine` gets the lines of its standard output, up to 8 KiB each. */
export function startChild(options: {
  command: readonly string[]
  env: Readonly<Record<string, string | undefined>>
  pauses?: Pauses
  onLine(line: string): void
  /** There is room in its input: it has begun, or reads again. */
  onReady(): void
  /** It has ended; what it was asked and has not answered is lost. `isRestarted`: the next one begins at once. */
  onDown(isRestarted: boolean): void
  onNote(note: ChildNote): void
}): Child {
  const { command, env, pauses = usualPauses, onLine, onReady, onDown, onNote } = options
  const [file = '', ...args] = command
  let child: ChildProcess | null = null
  let hasRoom = false
  let ending = false
  let isRestarting = false
  let pauseMs = pauses.first
  let restarting: NodeJS.Timeout | undefined
  let closed: (() => void) | null = null

  const start = () => {
    let started: ChildProcess
    try {
      started = spawn(file, args, { env: { ...env }, stdio: 'pipe' })
    } catch (error) {
      onDown(false)
      return pauseAndRestart(String(error))
    }
    child = started
    hasRoom = true
    ending = false
    listen(started)
    if (started.pid === undefined) return
    onNote({ what: 'started', pid: started.pid })
    onReady()
  }

  const listen = (started: ChildProcess) => {
    const { stdin, stdout, stderr } = started
    const mayNote = createBucket({ perSecond: 5, burst: 50 })
    stdout?.on('data', createLineReader({ maxBytes: maxAnswerBytes, onLine }))
    stderr?.on(
      'data',
      createLineReader({
        maxBytes: maxNoteBytes,
        keepsBeginning: true,
        onLine: line => {
          if (mayNote()) onNote({ what: 'says', line })
        },
      }),
    )
    stdin?.on('drain', () => {
      if (child !== started) return
      hasRoom = true
      onReady()
    })
    // A program that closes its input hears of no more events.
    stdin?.on('error', () => end(started))
    for (const stream of [stdout, stderr]) stream?.on('error', () => undefined)

    const onEnd = (reason: string) => {
      if (child !== started) return
      child = null
      for (const stream of [stdin, stdout, stderr]) stream?.destroy()
      const isRestarted = isRestarting && closed === null
      isRestarting = false
      onDown(isRestarted)
      if (!isRestarted) return pauseAndRestart(reason)
      onNote({ what: 'ended', reason, restartInMs: 0 })
      start()
    }
    started.once('error', error => {
      if (started.pid === undefined) onEnd(error.message)
    })
    started.once('exit', (code, signal) => {
      ending = true
      const reason = signal === null ? `it ended with code ${code}` : `it was ended by ${signal}`
      started.once('close', () => onEnd(reason))
      setTimeout(() => onEnd(reason), lastWordsMs).unref()
    })
  }

  const end = (running: ChildProcess) => {
    if (ending || child !== running) return
    ending = true
    running.kill('SIGTERM')
    const timer = setTimeout(() => running.kill('SIGKILL'), killAfterMs)
    running.once('exit', () => clearTimeout(timer))
  }

  const pauseAndRestart = (reason: string) => {
    if (closed !== null) return closed()
    onNote({ what: 'ended', reason, restartInMs: pauseMs })
    restarting = setTimeout(start, pauseMs)
    restarting.unref()
    pauseMs = Math.min(pauses.max, pauseMs * 2)
  }

  start()
  return {
    isReady: () => child !== null && hasRoom && !ending,
    isRunning: () => child !== null && !ending,
    isUp: () => child !== null && (!ending || isRestarting),
    write: line => {
      if (child !== null) hasRoom = child.stdin?.write(line) === true
    },
    isWell: () => {
      pauseMs = pauses.first
    },
    restart: () => {
      if (child === null || ending) return
      isRestarting = true
      end(child)
    },
    close: () =>
      new Promise(resolve => {
        closed = resolve
        clearTimeout(restarting)
        if (child === null) return resolve()
        child.stdin?.end()
        end(child)
      }),
  }
}
