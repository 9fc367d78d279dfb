import { X509Certificate } from 'node:crypto'
import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http'
import { request as httpsRequest, type RequestOptions } from 'node:https'
import type { TLSSocket } from 'node:tls'
import type { z } from 'zod'
import { LightningUnavailable } from './port.ts'

/** Where a backend answers, and what every request to it carries. */
export type HttpTarget = {
  readonly url: URL
  /** Credentials among them, so never shown. */
  readonly headers: Readonly<Record<string, string>>
  /** PEM of the one certificate that is trusted, whatever host it names; without it those of the system's authorities. */
  readonly certificate?: string
}

export type HttpRequest = {
  readonly method: 'GET' | 'POST' | 'PATCH'
  /** Below the target's own path. */
  readonly path: string
  readonly query?: Readonly<Record<string, string>>
  /** Sent as JSON, or as a form. */
  readonly json?: unknown
  readonly form?: Readonly<Record<string, string>>
  readonly headers?: Readonly<Record<string, string>>
}

export type HttpAnswer = { readonly status: number; readonly body: string }

/** An answer or one line of it. LND writes an invoice with all its parts on one, and payers choose how many those are. */
const maxAnswerBytes = 4 * 1_024 ** 2

/**
 * Asks a backend and reads the whole answer, whatever its status; follows no redirect. Throws `LightningUnavailable` when
 * there is none: the network, the certificate, the signal, or more than 4 MiB.
 */
export async function ask(target: HttpTarget, request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
  return readWhole(await send(target, request, signal))
}

/**
 * The lines of an answer that goes on, as they come; ends with it. Throws `LightningUnavailable`, as for a status but 200;
 * with `refusals` the body of such an answer comes as one line.
 */
export async function* askForLines(
  target: HttpTarget,
  request: HttpRequest,
  signal: AbortSignal,
  { refusals = false }: { refusals?: boolean } = {},
): AsyncGenerator<string, void, void> {
  const answer = await send(target, request, signal)
  try {
    if (refusals && answer.statusCode !== 200) return yield (await readWhole(answer)).body
    if (answer.statusCode !== 200)
      throw new LightningUnavailable(`the backend answers with status ${answer.statusCode}`)
    let rest = ''
    answer.setEncoding('utf8')
    for await (const chunk of answer as AsyncIterable<string>) {
      const lines = (rest + chunk).split('\n')
      rest = lines.pop() ?? ''
      if (rest.length > maxAnswerBytes) throw new LightningUnavailable('the backend sends a line without end')
      yield* lines.filter(line => line.trim() !== '')
    }
  } catch (error) {
    throw unavailable(error)
  } finally {
    answer.destroy()
  }
}

/** An answer in the shape that the backend's documentation promises. Throws `LightningUnavailable` for any other. */
export function readAnswer<Schema extends z.ZodType>(schema: Schema, body: string): z.output<Schema> {
  let value: unknown
  try {
    value = JSON.parse(body)
  } catch {
    throw new LightningUnavailable('the backend answers with something other than JSON')
  }
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  throw new LightningUnavailable(
    `the backend's answer is not as documented: ${issue?.path.join('.')}: ${issue?.message}`,
  )
}

async function readWhole(answer: IncomingMessage): Promise<HttpAnswer> {
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (bytes > maxAnswerBytes) throw new LightningUnavailable('the backend answers without end')
      chunks.push(chunk)
    }
  } catch (error) {
    throw unavailable(error)
  } finally {
    answer.destroy()
  }
  return { status: answer.statusCode ?? 0, body: Buffer.concat(chunks).toString('utf8') }
}

function send(target: HttpTarget, request: HttpRequest, signal: AbortSignal): Promise<IncomingMessage> {
  const { method, path, query = {}, json, form } = request
  const url = new URL(target.url.pathname.replace(/\/$/, '') + path, target.url)
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value)
  const body = json !== undefined ? JSON.stringify(json) : form && new URLSearchParams(form).toString()
  const type = json !== undefined ? 'application/json' : 'application/x-www-form-urlencoded'
  const headers = {
    ...target.headers,
    ...request.headers,
    ...(body === undefined ? {} : { 'content-type': type, 'content-length': String(Buffer.byteLength(body)) }),
  }
  const options: RequestOptions = { method, headers, signal, ...trustOf(target) }
  return new Promise((resolve, reject) => {
    const fail = (error: unknown) => reject(unavailable(error))
    if (signal.aborted) return fail(signal.reason)
    const open = url.protocol === 'https:' ? httpsRequest : httpRequest
    const sent: ClientRequest = open(url, options, resolve)
    if (target.certificate !== undefined) requirePinned(sent, target.certificate)
    // Node tells of a connection that a server takes over by this alone.
    sent.on('upgrade', (_answer, socket) => {
      socket.destroy()
      fail(new LightningUnavailable('the backend answers in another protocol'))
    })
    sent.on('close', () => fail(new LightningUnavailable('the backend hangs up without an answer')))
    sent.on('error', fail).end(body)
  })
}

/**
 * A node's own certificate need not name the host that we know it by: that it is the very same says more. Nor need it be
 * signed by itself: Core Lightning's is signed by an authority of its own, which need not be given too.
 */
function trustOf({ certificate }: HttpTarget): RequestOptions {
  if (certificate === undefined) return {}
  return { ca: certificate, allowPartialTrustChain: true, checkServerIdentity: () => undefined, agent: false }
}

/** Authorities would accept any certificate that the pinned one signed. */
function requirePinned(sent: ClientRequest, certificate: string): void {
  const pinned = new X509Certificate(certificate).fingerprint256
  sent.on('socket', socket => {
    socket.on('secureConnect', () => {
      if ((socket as TLSSocket).getPeerCertificate().fingerprint256 === pinned) return
      sent.destroy(new LightningUnavailable('the backend shows another certificate than the pinned one'))
    })
  })
}

/** Codes and names of errors, never their texts: those may quote what was sent. */
function unavailable(error: unknown): LightningUnavailable {
  if (error instanceof LightningUnavailable) return error
  const code = error instanceof Error && 'code' in error ? String(error.code) : error instanceof Error ? error.name : ''
  return new LightningUnavailable(`the backend does not answer (${code})`, { cause: code })
}
