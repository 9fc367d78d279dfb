import type { Socket } from 'node:net'

/** Hands out lines one at a time, reading no further before the last one is done with. Stops at one that is too long. */
export function readLines(
  socket: Socket,
  maxBytes: number,
  on: {
    /** `takeOver` ends the reading here and gives what has been read beyond the line. */
    line(line: string, takeOver: () => Buffer): void | Promise<void>
    tooLong(): void
  },
): void {
  let pending = Buffer.alloc(0)
  let busy = false
  let isTakenOver = false
  const takeOver = () => {
    isTakenOver = true
    socket.removeListener('data', take)
    return pending
  }
  const next = async () => {
    if (busy) return
    busy = true
    for (let end = pending.indexOf(10); end >= 0 && end <= maxBytes; end = pending.indexOf(10)) {
      const line = pending.toString('utf8', 0, end)
      pending = pending.subarray(end + 1)
      socket.pause()
      await on.line(line, takeOver)
      if (isTakenOver) return
    }
    busy = false
    if (pending.length <= maxBytes) {
      socket.resume()
      return
    }
    socket.removeListener('data', take)
    pending = Buffer.alloc(0)
    on.tooLong()
  }
  const take = (chunk: Buffer) => {
    pending = Buffer.concat([pending, chunk])
    void next()
  }
  socket.on('data', take)
}

/** What a line says; `undefined`, which no schema takes, when it is no JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    // No JSON is no request: the schema refuses `undefined`.
    return undefined
  }
}
