import { connect } from 'node:net'

/**
 * A websocket client that costs little: it sends frames made beforehand and takes no message apart. It knows what relays
 * send to a client that offers no compression: text frames, unfragmented, and pings.
 */
export type WireClient = {
  /** Sends frames made by `textFrame` in one write. */
  send(frames: readonly Buffer[]): void
  close(): void
}

/** Where to connect, on this machine; `from` is the address of its own that the client takes. */
export type WireAddress = { readonly port: number; readonly path?: string; readonly from?: string }

export type WireEvents = {
  /** Gets the payloads of every text frame that came in one chunk. */
  onMessages(payloads: readonly Buffer[]): void
  /** Hears when the server ends the connection. */
  onLost(error: Error): void
}

const maskKey = Buffer.from([0x5a, 0xa5, 0x3c, 0xc3])
const opcodes = { text: 0x1, ping: 0x9, pong: 0xa }
const finalBit = 0x80

/** A client's text frame (RFC 6455 section 5.2). The mask is always the same one, but a real one. */
export function textFrame(text: string): Buffer {
  return maskedFrame(opcodes.text, Buffer.from(text))
}

function maskedFrame(opcode: number, payload: Buffer): Buffer {
  const { length } = payload
  const head = length < 126 ? 2 : length < 65_536 ? 4 : 10
  const frame = Buffer.allocUnsafe(head + 4 + length)
  frame[0] = finalBit | opcode
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

/** Connects to a server on this machine. */
export function connectWire(address: WireAddress, { onMessages, onLost }: WireEvents): Promise<WireClient> {
  const { port, path = '/', from } = address
  return new Promise((resolve, reject) => {
    const own = from === undefined ? {} : { localAddress: from }
    const socket = connect({ host: '127.0.0.1', port, noDelay: true, ...own })
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
        const head = rest.subarray(0, end).toString('latin1')
        if (!head.startsWith('HTTP/1.1 101')) {
          return reject(new Error(`the server refused the websocket: ${head.split('\r\n')[0]}`))
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
      rest = takeFrames(rest, (first, payload) => {
        if (first === (finalBit | opcodes.text)) payloads.push(payload)
        else if (first === (finalBit | opcodes.ping)) socket.write(maskedFrame(opcodes.pong, payload))
        else if (first === opcodes.text)
          lose(new Error('the server sends messages in fragments, which nobody here reads'))
      })
      if (payloads.length > 0) onMessages(payloads)
    })
    socket.write(
      [
        `GET ${path} HTTP/1.1`,
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

/** Takes whole frames off the front, with their first byte; what is left is the beginning of the next one. */
function takeFrames(bytes: Buffer, onFrame: (first: number, payload: Buffer) => void): Buffer<ArrayBuffer> {
  let at = 0
  for (;;) {
    const left = bytes.length - at
    const short = (bytes[at + 1] ?? 0) & 0x7f
    const head = short === 127 ? 10 : short === 126 ? 4 : 2
    if (left < head) break
    const length =
      short === 127 ? Number(bytes.readBigUInt64BE(at + 2)) : short === 126 ? bytes.readUInt16BE(at + 2) : short
    if (left < head + length) break
    onFrame(bytes[at] ?? 0, bytes.subarray(at + head, at + head + length))
    at += head + length
  }
  return bytes.subarray(at) as Buffer<ArrayBuffer>
}
