import type { IncomingMessage } from 'node:http'
import { request as httpsRequest, type RequestOptions } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import { AddressUnavailable, Refusal } from './failures.ts'

/** Whom requests may go to, and how. */
export type Guard = {
  /** Gives addresses that may be connected to, or fails. */
  readonly lookup: LookupFunction
  /** The same for a host that is an address by itself, of which no look-up is made. */
  isPublicAddress(address: string): boolean
  /** The only port, since any other is no business of an address; only tests need another than that of https. */
  readonly port?: number
  /** PEM of an authority to trust instead of the system's. */
  readonly authority?: string
}

/** An image of a pay request may have 136,536 characters (LUD-06). */
const maxAnswerBytes = 192 * 1_024
/** One for all: what happened to a connection would tell strangers what is behind a name or an address. */
export const noAnswer = 'its server does not answer'
const httpsPort = 443
const maxUrlCharacters = 2_048
const maxRedirects = 3

/**
 * The JSON at a URL of a stranger's, whatever its status says. Each redirect has to pass the guard like the first URL. Throws
 * `Refusal` for what will not change, and `AddressUnavailable` for what may: the network, the signal, a server in trouble.
 */
export async function fetchJson(guard: Guard, url: URL, signal: AbortSignal): Promise<unknown> {
  let next = url
  for (let hops = 0; hops <= maxRedirects; hops++) {
    checkUrl(guard, next)
    const answer = await send(guard, next, signal)
    try {
      const { statusCode = 0, headers } = answer
      if (statusCode >= 300 && statusCode < 400) next = redirected(next, headers.location)
      else return readJson(statusCode, await readText(answer))
    } finally {
      answer.destroy()
    }
  }
  throw new Refusal('its server redirects in a circle')
}

/** Throws `Refusal` unless a URL may be asked for, as far as can be told without a look-up. */
function checkUrl(guard: Guard, { href, protocol, hostname, port, username, password }: URL): void {
  if (href.length > maxUrlCharacters) throw new Refusal('its server names a URL that is too long')
  if (protocol !== 'https:') throw new Refusal('its server names a URL that is not https')
  if (username !== '' || password !== '') throw new Refusal('its server names a URL with a password')
  if (/\.onion\.?$/.test(hostname)) throw new Refusal('its server is on Tor')
  const address = hostname.replace(/^\[|\]$/g, '')
  if (isIP(address) !== 0 && !guard.isPublicAddress(address)) throw new Refusal('its server is on a private network')
  // URLs do not show the port that their protocol has anyway.
  if (Number(port || httpsPort) !== (guard.port ?? httpsPort)) {
    throw new Refusal('its server names a URL with another port than that of https')
  }
}

function redirected(from: URL, location: string | undefined): URL {
  if (location === undefined || !URL.canParse(location, from.href)) throw new Refusal('its server redirects to nowhere')
  return new URL(location, from)
}

function send({ lookup, authority }: Guard, url: URL, signal: AbortSignal): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const fail = () => reject(unavailable())
    if (signal.aborted) return fail()
    // Some servers turn away whoever does not say who asks.
    const headers = { accept: 'application/json', 'accept-encoding': 'identity', 'user-agent': 'panda' }
    // Without an agent no connection is kept for somebody who is asked once.
    const options: RequestOptions = {
      headers,
      lookup,
      signal,
      agent: false,
      ...(authority === undefined ? {} : { ca: authority }),
    }
    httpsRequest(url, options, resolve)
      // Node tells of a connection that a server takes over by this alone.
      .on('upgrade', (_answer, socket) => {
        socket.destroy()
        fail()
      })
      .on('close', fail)
      .on('error', fail)
      .end()
  })
}

async function readText(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of answer as AsyncIterable<Buffer>) {
      bytes += chunk.length
      if (bytes > maxAnswerBytes) throw new Refusal('its server answers without end')
      chunks.push(chunk)
    }
  } catch (error) {
    throw error instanceof Refusal ? error : unavailable()
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** Servers say `{"status":"ERROR"}` with any status of HTTP, so the body counts before that. */
function readJson(status: number, text: string): unknown {
  try {
    const value: unknown = JSON.parse(text)
    if (status < 400 || isError(value)) return value
  } catch {
    // Pages of servers and proxies are told by their status.
  }
  if (status === 429 || status >= 500) throw unavailable()
  if (status === 404 || status === 410) throw new Refusal('there is no such Lightning address')
  throw new Refusal('its server does not answer as LUD-16 says')
}

function isError(value: unknown): boolean {
  return typeof value === 'object' && value !== null && 'status' in value && value.status === 'ERROR'
}

function unavailable(): AddressUnavailable {
  return new AddressUnavailable(noAnswer)
}
