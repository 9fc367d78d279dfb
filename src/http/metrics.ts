import type { IncomingMessage } from 'node:http'
import { refusal } from './refusal.ts'
import type { Reply } from './reply.ts'

/** What is measured, and who may see it. */
export type MetricsDeps = {
  mayReadMetrics(request: IncomingMessage | undefined): boolean
  /** In the text format of Prometheus. */
  metricsText(): Promise<string>
}

export const metricsPath = '/metrics'

/**
 * `/metrics`: for those who may read it, `GET` and `HEAD`; `null` for everybody else, to whom there is no such path. No
 * header lets a web page read it: the page may be open on a machine that may.
 */
export async function metricsReply(
  deps: MetricsDeps,
  method: string,
  incoming: IncomingMessage | undefined,
): Promise<Reply | null> {
  if (!deps.mayReadMetrics(incoming)) return null
  if (method !== 'GET' && method !== 'HEAD') {
    return refusal(405, 'METHOD_NOT_ALLOWED', 'this path takes GET, HEAD', { allow: 'GET, HEAD' })
  }
  const headers = {
    'content-type': 'text/plain; version=0.0.4; charset=utf-8',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  }
  return { status: 200, headers, body: await deps.metricsText() }
}
