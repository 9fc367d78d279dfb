import { IncomingMessage } from 'node:http'
import { Socket } from 'node:net'
import { Duplex } from 'node:stream'
import type { Relay } from '../../../relay/relay.ts'

/**
 * A client without a network: there are no buffers of the kernel in between, so that what it does not read waits in the
 * relay from the first byte on, and each piece that it sends arrives as a piece.
 */
export type MemoryClient = {
  send(...message: unknown[]): void
  /** Any frame: its first byte says of what kind, and whether it is the last of its message. */
  frame(firstByte: number, payload: Buffer): void
  /** Bytes as they come off the wire. */
  bytes(bytes: Buffer): void
  /** Goes on, or stops, taking what is sent to it. */
  read(isReading: boolean): void
  /** Goes without a word. */
  leave(): void
  /** What it has read so far, pings and pongs left out. */
  readonly messages: unknown[][]
  /** The status of the handshake, once it is answered. */
  status(): number
  isClosed(): boolean
  /** The code of the relay's closing frame, if one has come. */
  closeCode(): number | null
}

export const frames = {
  text: 0x81,
  unfinishedText: 0x01,
  continuation: 0x00,
  lastContinuation: 0x80,
  ping: 0x89,
  pong: 0x8a,
}

/** Connects a client to a relay, which need not listen anywhere. */
export function connectInMemory(relay: Pick<Relay, 'handleUpgrade'>, ip = '192.0.2.1'): MemoryClient {
  let received: Buffer = Buffer.alloc(0)
  let status = 0
  let code: number | null = null
  let isReading = true
  let taken: (() => void) | null = null
  const messages: unknown[][] = []

  const take = (chunk: Buffer) => {
    received = received.length === 0 ? chunk : Buffer.concat([received, chunk])
    if (status === 0) {
      const end = received.indexOf('\r\n\r\n')
      if (end < 0) return
      status = Number(received.toString('latin1', 9, 12))
      received = received.subarray(end + 4)
    }
    for (let frame = firstFrame(received); frame !== null; frame = firstFrame(received)) {
      received = received.subarray(frame.end)
      if (frame.opcode === 1) messages.push(JSON.parse(frame.payload.toString()) as unknown[])
      if (frame.opcode === 8) code = frame.payload.readUInt16BE(0)
    }
  }
  const stream = new Duplex({
    read: () => undefined,
    write: (chunk: Buffer, _encoding, done) => {
      const go = () => {
        take(chunk)
        done()
      }
      if (isReading) go()
      else taken = go
    },
    // When the relay has said all, the client goes.
    final: done => {
      stream.push(null)
      done()
    },
  })
  const request = new IncomingMessage(new Socket())
  request.method = 'GET'
  request.url = '/'
  request.headers = {
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'AAAAAAAAAAAAAAAAAAAAAA==',
    'x-test-ip': ip,
  }
  relay.handleUpgrade(request, stream, Buffer.alloc(0))
  const frame = (firstByte: number, payload: Buffer) => void stream.push(maskedFrame(firstByte, payload))
  return {
    send: (...message) => frame(frames.text, Buffer.from(JSON.stringify(message))),
    frame,
    bytes: bytes => void stream.push(bytes),
    read: reads => {
      isReading = reads
      if (!reads) return
      const go = taken
      taken = null
      go?.()
    },
    leave: () => void stream.destroy(),
    messages,
    status: () => status,
    isClosed: () => stream.destroyed,
    closeCode: () => code,
  }
}

/** A frame as clients send it, masked with zeros. */
export function maskedFrame(firstByte: number, payload: Buffer): Buffer {
  const { length } = payload
  const header = Buffer.alloc(length < 126 ? 6 : length < 65_536 ? 8 : 14)
  header[0] = firstByte
  if (length < 126) header[1] = 0x80 | length
  else if (length < 65_536) header.writeUIntBE(0xfe0000 | length, 1, 3)
  else {
    header[1] = 0xff
    header.writeUIntBE(length, 4, 6)
  }
  return Buffer.concat([header, payload])
}

function firstFrame(bytes: Buffer): { opcode: number; payload: Buffer; end: number } | null {
  const [first = 0, second = 0] = bytes
  if (bytes.length < 2) return null
  const start = second < 126 ? 2 : second === 126 ? 4 : 10
  if (bytes.length < start) return null
  const length = second < 126 ? second : second === 126 ? bytes.readUInt16BE(2) : bytes.readUIntBE(4, 6)
  const end = start + length
  return bytes.length < end ? null : { opcode: first & 0x0f, payload: bytes.subarray(start, end), end }
}
