import { z } from 'zod'
import { ask, type HttpAnswer, type HttpRequest, type HttpTarget, readAnswer } from '../http-client.ts'
import { LightningUnavailable } from '../port.ts'

/** phoenixd's HTTP API (phoenix.acinq.co/server/api). */
export type Api = {
  readonly target: HttpTarget
  /** Aborts when the backend is closed. */
  readonly closing: AbortSignal
  /** Throws `LightningUnavailable` once the backend is closed. */
  checkOpen(): void
  /** Any answer. Throws `LightningUnavailable` when there is none. */
  send(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer>
  /** The answer in its documented shape. Throws `LightningUnavailable` for any other. */
  read<Schema extends z.ZodType>(request: HttpRequest, answer: Schema, signal: AbortSignal): Promise<z.output<Schema>>
  /** The same; `null` when there is no such thing. */
  find<Schema extends z.ZodType>(
    request: HttpRequest,
    answer: Schema,
    signal: AbortSignal,
  ): Promise<z.output<Schema> | null>
  close(): void
}

export const hash = z.string().regex(/^[0-9a-f]{64}$/)
export const amount = z.int().nonnegative()
/** Milliseconds since 1970. */
export const instant = z.int().nonnegative()

export function createApi({ url, password }: { url: string; password: string }): Api {
  const authorization = `Basic ${Buffer.from(`:${password}`).toString('base64')}`
  const target: HttpTarget = { url: new URL(url), headers: { authorization } }
  const closing = new AbortController()

  const checkOpen = () => {
    if (closing.signal.aborted) throw new LightningUnavailable('the connection to phoenixd is closed')
  }
  const send: Api['send'] = async (request, signal) => {
    checkOpen()
    return ask(target, request, AbortSignal.any([signal, closing.signal]))
  }
  const read: Api['read'] = async (request, answer, signal) => {
    const { status, body } = await send(request, signal)
    if (status !== 200) throw refused(status)
    return readAnswer(answer, body)
  }
  return {
    target,
    closing: closing.signal,
    checkOpen,
    send,
    read,
    find: async (request, answer, signal) => {
      const { status, body } = await send(request, signal)
      // Nothing found is 404, and was 204 (phoenixd, Api.kt).
      if (status === 404 || status === 204) return null
      if (status !== 200) throw refused(status)
      return readAnswer(answer, body)
    },
    close: () => closing.abort(),
  }
}

/** Its texts may quote what was sent: they are dropped. */
export function refused(status: number): LightningUnavailable {
  if (status === 401) return new LightningUnavailable('phoenixd refuses this password')
  return new LightningUnavailable(`phoenixd answers with status ${status}`)
}
