import type { NostrEvent } from '../../relay/event.ts'
import { type Rejection, reject } from '../rejections.ts'

/** What the tags of a command or query say. */
export type Envelope = {
  readonly service: string
  readonly method: string
  readonly encrypted: boolean
  /** Until when the command may run, Unix seconds; `null`: the ordinary window applies. */
  readonly executeBy: number | null
}

/** How far a command's `created_at` may be from now, in seconds. */
export const window = { aheadSeconds: 300, behindSeconds: 600, executeBySeconds: 86_400 } as const

/** Reads the tags of a command or query: exactly one `p` and `method`, at most one `encryption` and `execute-by`. */
export function parseEnvelope(event: Pick<NostrEvent, 'tags' | 'created_at'>): Envelope | Rejection {
  const encryption = optional(event, 'encryption')
  if (typeof encryption === 'string' && encryption !== 'nip44_v2') {
    return reject('UNSUPPORTED_ENCRYPTION', 'the only encryption understood is nip44_v2')
  }
  const service = single(event, 'p')
  if (service === undefined) return reject('INVALID_PARAMS', 'tags: a command has exactly one "p" tag, the service')
  const method = single(event, 'method')
  if (method === undefined) return reject('INVALID_PARAMS', 'tags: a command has exactly one "method" tag')
  if (encryption === undefined) return reject('INVALID_PARAMS', 'tags: at most one "encryption" tag')
  const executeBy = optional(event, 'execute-by')
  if (executeBy === undefined || (executeBy !== null && !/^[1-9][0-9]{0,11}$/.test(executeBy))) {
    return reject('INVALID_PARAMS', 'tags: at most one "execute-by" tag, in Unix seconds')
  }
  const deadline = executeBy === null ? null : Number(executeBy)
  if (deadline !== null && deadline > event.created_at + window.executeBySeconds) {
    return reject('INVALID_PARAMS', 'tags: "execute-by" is at most 24 hours after created_at')
  }
  return { service, method, encrypted: encryption !== null, executeBy: deadline }
}

/** Whether a command may still run at `now` (Unix seconds): 5 minutes ahead, 10 back or until its `execute-by`. */
export function isInWindow(createdAt: number, executeBy: number | null, now: number): boolean {
  if (createdAt > now + window.aheadSeconds) return false
  return now <= windowEnd(createdAt, executeBy)
}

/** Until when a command may run, Unix seconds. */
export function windowEnd(createdAt: number, executeBy: number | null): number {
  return executeBy ?? createdAt + window.behindSeconds
}

/** The value of the only tag of this name; `undefined` when there is none, several, or an empty one. */
function single(event: Pick<NostrEvent, 'tags'>, name: string): string | undefined {
  const tags = event.tags.filter(tag => tag[0] === name)
  return tags.length === 1 && tags[0]?.[1] ? tags[0][1] : undefined
}

/** Like `single`, but `null` when there is none. */
function optional(event: Pick<NostrEvent, 'tags'>, name: string): string | null | undefined {
  return event.tags.some(tag => tag[0] === name) ? single(event, name) : null
}
