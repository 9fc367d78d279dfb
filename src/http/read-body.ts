/** A body as it came and as text, or why it was not read. */
export type Body =
  | { readonly ok: true; readonly text: string; readonly bytes: Uint8Array }
  | { readonly ok: false; readonly reason: 'too-large' | 'not-utf8' }

/**
 * Reads a body of at most `maxBytes`. A stated length is believed when it is too large, since the HTTP parser holds the
 * sender to it; a chunked body is counted while it comes in and left where it grows too large.
 */
export async function readBody(request: Request, maxBytes: number): Promise<Body> {
  const stated = request.headers.get('content-length')
  if (stated !== null) {
    if (Number(stated) > maxBytes) return { ok: false, reason: 'too-large' }
    return decode(new Uint8Array(await request.arrayBuffer()))
  }
  return readStream(request.body, maxBytes)
}

/** Reads at most `maxBytes`, counted as they come in, and unpacked if they came packed. */
export async function readStream(stream: ReadableStream<Uint8Array> | null, maxBytes: number): Promise<Body> {
  const chunks: Uint8Array[] = []
  let length = 0
  for await (const chunk of stream ?? []) {
    length += chunk.byteLength
    if (length > maxBytes) return { ok: false, reason: 'too-large' }
    chunks.push(chunk)
  }
  return decode(Buffer.concat(chunks))
}

/** Replacing bad bytes would change the event and show up as a wrong id, which helps nobody. */
function decode(bytes: Uint8Array): Body {
  try {
    return { ok: true, text: new TextDecoder('utf-8', { fatal: true }).decode(bytes), bytes }
  } catch {
    return { ok: false, reason: 'not-utf8' }
  }
}
