import type { ServerResponse } from 'node:http'
import type { Reply } from '../local-server.ts'

/** gRPC codes and the status that the gateway gives them (grpc-gateway, runtime/errors.go). */
const statuses = { 2: 500, 3: 400, 5: 404, 6: 409, 12: 501, 14: 503 } as const

type Code = keyof typeof statuses

/** A refusal of a call with one answer. */
export function refuse(code: Code, message: string): Reply {
  return { status: statuses[code], json: { code, message, details: [] } }
}

/** A refusal of a call whose answer goes on, before its first message (grpc-gateway, runtime/handler.go). */
export function refuseStream(code: Code, message: string): Reply {
  return {
    stream: response => {
      response.writeHead(statuses[code], { 'content-type': 'application/json' })
      response.end(`${JSON.stringify({ error: { code, message, details: [] } })}\n`)
    },
  }
}

/** One message of an answer that goes on. The head of the answer comes with the first, not before. */
export function writeMessage(response: ServerResponse, result: unknown): void {
  if (!response.headersSent) response.writeHead(200, { 'content-type': 'application/json' })
  response.write(`${JSON.stringify({ result })}\n`)
}

export function base64(hex: string): string {
  return Buffer.from(hex, 'hex').toString('base64')
}

/** Bytes of a path: padded base64 of either alphabet (grpc-gateway, runtime/convert.go); `null` when they are not that. */
export function hexOfPath(text: string): string | null {
  const plain = decodeURIComponent(text).replaceAll('-', '+').replaceAll('_', '/')
  const bytes = Buffer.from(plain, 'base64')
  return bytes.toString('base64') === plain ? bytes.toString('hex') : null
}
