import { connect } from 'node:net'
import { latencyOf } from './latency.ts'
import type { LoadResult, LoadTask } from './load-task.ts'
import { readLines } from './notes.ts'
import { every } from './pace.ts'

const paceMs = 1

/** One connection that is kept alive, with one request on it at a time. */
type Line = { send(request: Buffer, sinceMs: number): void; close(): void }

/**
 * Connects and makes every request. At a rate, a request counts from when it was due, so that those that wait for a free
 * connection are not flattered.
 */
export async function prepareLookUps(task: LoadTask & { kind: 'look-up' }): Promise<() => Promise<LoadResult>> {
  const { port, file, host, sockets, seconds, perSecond } = task
  const requests = readLines(file).map(target => Buffer.from(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`))
  const durationsMs: number[] = []
  const waiting: number[] = []
  const idle: Line[] = []
  let next = 0
  let endMs = Number.POSITIVE_INFINITY
  let finish: (error?: Error) => void = () => undefined

  const begin = (line: Line, sinceMs: number) => {
    const request = requests[next++ % requests.length]
    if (request !== undefined) line.send(request, sinceMs)
  }

  const onAnswer = (line: Line, sinceMs: number) => {
    const nowMs = performance.now()
    durationsMs.push(nowMs - sinceMs)
    if (nowMs >= endMs) return finish()
    if (perSecond === undefined) return begin(line, nowMs)
    const due = waiting.shift()
    if (due === undefined) idle.push(line)
    else begin(line, due)
  }

  for (let index = 0; index < sockets; index++) {
    idle.push(await openLine(port, onAnswer, error => finish(error)))
  }
  const lines = [...idle]

  const run = () => {
    endMs = performance.now() + seconds * 1_000
    if (perSecond === undefined) for (const line of idle.splice(0)) begin(line, performance.now())
    else {
      // More than can be due before the end, since an answer has to notice it.
      every(paceMs, perSecond, perSecond * (seconds + 1), due => {
        for (let index = 0; index < due; index++) {
          const line = idle.pop()
          if (line === undefined) waiting.push(performance.now())
          else begin(line, performance.now())
        }
      })
    }
  }

  return async () => {
    const startMs = performance.now()
    await new Promise<void>((resolve, reject) => {
      finish = error => (error === undefined ? resolve() : reject(error))
      run()
    })
    const taken = (performance.now() - startMs) / 1_000
    for (const line of lines) line.close()
    return { ...latencyOf(durationsMs), seconds: taken, received: 0 }
  }
}

function openLine(
  port: number,
  onAnswer: (line: Line, sinceMs: number) => void,
  onError: (error: Error) => void,
): Promise<Line> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true })
    let sinceMs = 0
    let answer = ''
    const line: Line = {
      send: (request, since) => {
        sinceMs = since
        answer = ''
        socket.write(request)
      },
      close: () => socket.destroy(),
    }
    socket.on('error', error => {
      reject(error)
      onError(error)
    })
    socket.once('connect', () => resolve(line))
    socket.on('data', chunk => {
      answer += chunk.toString('latin1')
      const bodyAt = answer.indexOf('\r\n\r\n') + 4
      if (bodyAt < 4) return
      if (!answer.startsWith('HTTP/1.1 200')) return onError(new Error(`refused: ${answer.slice(0, 200)}`))
      const length = Number(/content-length: (\d+)/i.exec(answer)?.[1])
      if (answer.length - bodyAt >= length) onAnswer(line, sinceMs)
    })
  })
}
