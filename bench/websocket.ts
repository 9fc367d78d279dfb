import { connect } from 'node:net'

/**
 * A websocket client that costs little: it sends frames made beforehand and takes no message apart. It knows what this
 * server sends: unfragmented text frames.
 */
export type WireClient = {
  /** Sends frames made by `textFrame` in one write. */
  send(frames: readonly Buffer[]): void
  close(): void
}

const maskKey = Buffer.from([0x5a, 0xa5, 0x3c, 0xc3])

/** A client's text frame (RFC 6455 section 5.2). The mask is always the same one, but a real one. */
export function textFrame(text: string): Buffer {
  const payload = Buffer.from(text)
  const { length } = payload
  const head = length < 126 ? 2 : length < 65_536 ? 4 : 10
  const frame = Buffer.allocUnsafe(head + 4 + length)
  frame[0] = 0x81
  if (head === 2) frame[1] = 0x80 | length
  else if (head === 4) {
    frame[1] = 0x80 | 126
    frame.writeUInt16BE(length, 2)
  } else {
    frame[1] = 0x80 | 127
    frame.writeBigUInt64BE(BigInt(length), 2)
  }
  maskKey.copy(frame, head)
  for (let at = 0; at < length; at++) frame[head + 4 + at] = (payload[at] ?? 0) ^ (maskKey[at & 3] ?? 0)
  return frame
}

/**
 * Connects to a server on this machine. `onMessages` gets the payloads of every text frame that came in one chunk,
 * `onLost` hears when the server ends the connection.
 */
export function connectWire(
  port: number,
  { onMessages, onLost }: { onMessages(payloads: readonly Buffer[]): void; onLost(error: Error): void },
): Promise<WireClient> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: '127.0.0.1', port, noDelay: true })
    let rest = Buffer.alloc(0)
    let isOpen = false
    let isWanted = true
    const lose = (error: Error) => {
      reject(error)
      if (isWanted) onLost(error)
    }
    socket.on('error', lose)
    socket.on('close', () => lose(new Error('the server closed the connection')))
    socket.on('data', chunk => {
      rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
      if (!isOpen) {
        const end = rest.indexOf('\r\n\r\n')
        if (end < 0) return
        if (!rest.subarray(0, end).toString('latin1').startsWith('HTTP/1.1 101')) {
          return reject(new Error('the server refused the websocket'))
        }
        isOpen = true
        rest = rest.subarray(end + 4)
        resolve({
          send: frames => {
            socket.cork()
            for (const frame of frames) socket.write(frame)
            socket.uncork()
          },
          close: () => {
            isWanted = false
            socket.destroy()
          },
        })
      }
      const payloads: Buffer[] = []
      rest = takeFrames(rest, payloads)
      if (payloads.length > 0) onMessages(payloads)
    })
    socket.write(
      [
        'GET / HTTP/1.1',
        `Host: localhost:${port}`,
        'Connection: Upgrade',
        'Upgrade: websocket',
        'Sec-WebSocket-Version: 13',
        'Sec-WebSocket-Key: cGFuZGEgYmVuY2htYXJrcw==',
        '\r\n',
      ].join('\r\n'),
    )
  })
}

/** Takes whole frames off the front; what is left is the beginning of the next one. */
function takeFrames(bytes: Buffer, payloads: Buffer[]): Buffer<ArrayBuffer> {
  let at = 0
  for (;;) {
    const left = bytes.length - at
    const short = (bytes[at + 1] ?? 0) & 0x7f
    const head = short === 127 ? 10 : short === 126 ? 4 : 2
    if (left < head) break
    const length =
      short === 127 ? Number(bytes.readBigUInt64BE(at + 2)) : short === 126 ? bytes.readUInt16BE(at + 2) : short
    if (left < head + length) break
    if (((bytes[at] ?? 0) & 0x0f) === 1) payloads.push(bytes.subarray(at + head, at + head + length))
    at += head + length
  }
  return bytes.subarray(at) as Buffer<ArrayBuffer>
}
