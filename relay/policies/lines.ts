/**
 * Cuts what comes in chunks into lines of at most so many bytes. Of a longer line, `onLine` gets nothing, or its beginning
 * when `keepsBeginning`; the rest is dropped as it comes, so that memory is bounded.
 */
export function createLineReader(options: {
  maxBytes: number
  keepsBeginning?: boolean
  onLine(line: string): void
}): (chunk: Buffer) => void {
  const { maxBytes, keepsBeginning = false, onLine } = options
  let parts: Buffer[] = []
  let bytes = 0
  const add = (part: Buffer) => {
    const room = maxBytes - Math.min(maxBytes, bytes)
    bytes += part.length
    if (room > 0 && part.length > 0) parts.push(part.subarray(0, room))
  }
  const end = () => {
    if (bytes <= maxBytes || keepsBeginning) onLine(Buffer.concat(parts).toString())
    parts = []
    bytes = 0
  }
  return chunk => {
    let from = 0
    for (let at = chunk.indexOf(newline); at >= 0; at = chunk.indexOf(newline, from)) {
      add(chunk.subarray(from, at))
      end()
      from = at + 1
    }
    add(chunk.subarray(from))
  }
}

const newline = 0x0a
