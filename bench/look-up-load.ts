import { connect } from 'node:net'
import { createDispatch } from './dispatch.ts'
import type { LoadResult, LoadTask } from './load-task.ts'
import { readLines } from './notes.ts'

/** One connection that is kept alive, with one request on it at a time. */
type Line = { send(request: Buffer, sinceMs: number): void; close(): void }

/** Connects and makes every request. */
export async function prepareLookUps(task: LoadTask & { kind: 'look-up' }): Promise<() => Promise<LoadResult>> {
  const { port, file, host, sockets, seconds, perSecond } = task
  const requests = readLines(file).map(target => Buffer.from(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`))
  let next = 0
  const dispatch = createDispatch<Line>({
    begin: (line, sinceMs) => {
      const request = requests[next++ % requests.length]
      if (request !== undefined) line.send(request, sinceMs)
    },
    count: requests.length,
    seconds,
    perSecond,
  })
  const lines: Line[] = []
  for (let index = 0; index < sockets; index++) {
    const line = await openLine(port, dispatch.answered, dispatch.fail)
    lines.push(line)
    dispatch.add(line)
  }
  return async () => {
    const result = await dispatch.run()
    for (const line of lines) line.close()
    return { ...result, received: 0 }
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
