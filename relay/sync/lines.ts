/** Lines as they came in, several at once; `null` stands for one that is too long. */
export type LineBatch = readonly (Buffer | null)[]

const newline = 10

/**
 * Splits chunks of bytes at newlines. Takes no more memory than one line of the allowed length and a chunk: of longer
 * lines nothing is kept. The last line needs no newline.
 */
export async function* splitLines(chunks: AsyncIterable<Uint8Array>, maxBytes: number): AsyncGenerator<LineBatch> {
  let parts: Buffer[] = []
  let length = 0

  /** The line that ends with these bytes. */
  const endLine = (rest: Buffer): Buffer | null => {
    const isTooLong = length + rest.length > maxBytes
    const line = isTooLong ? null : parts.length === 0 ? rest : Buffer.concat([...parts, rest])
    parts = []
    length = 0
    return line
  }

  for await (const chunk of chunks) {
    const bytes = Buffer.from(chunk.buffer, chunk.byteOffset, chunk.byteLength)
    const batch: (Buffer | null)[] = []
    let start = 0
    for (let end = bytes.indexOf(newline); end >= 0; end = bytes.indexOf(newline, start)) {
      batch.push(endLine(bytes.subarray(start, end)))
      start = end + 1
    }
    if (start < bytes.length) {
      length += bytes.length - start
      if (length > maxBytes) parts = []
      else parts.push(bytes.subarray(start))
    }
    if (batch.length > 0) yield batch
  }
  if (length > 0) yield [endLine(Buffer.alloc(0))]
}
