import { networkOf } from '../../relay/connection/connection-counter.ts'
import { type NostrEvent, tagValue } from '../../relay/event.ts'
import type { Origin } from '../../relay/host.ts'
import { kinds } from '../protocol/kinds.ts'
import { reject, toOkMessage } from '../rejections.ts'
import { isForAnother, namesAnother } from './decode.ts'
import type { Ration } from './ration.ts'

/** What became of a command within the time that its sender was ready to wait. */
export type CommandOutcome =
  /** The signed result, whether it says ok, payment-required or error. */
  | { readonly status: 'result'; readonly event: NostrEvent }
  /** Accepted and durable; the result follows and can be fetched by the command's id. */
  | { readonly status: 'pending'; readonly commandId: string }
  /** Refused at admission; `message` begins with a NIP-01 prefix (`invalid: CODE: text`). */
  | { readonly status: 'refused'; readonly message: string }

/** What became of a query. */
export type QueryOutcome =
  | { readonly status: 'answer'; readonly event: NostrEvent }
  /** `message` begins with a NIP-01 prefix. */
  | { readonly status: 'refused'; readonly message: string }

/** The way of commands and queries into the pipeline for a front that is no websocket. */
export interface Gateway {
  /** Runs a signed command; `waitMs` bounds how long the result is waited for. */
  command(event: unknown, ip: string, waitMs: number): Promise<CommandOutcome>
  query(event: unknown, ip: string): Promise<QueryOutcome>
}

/** Told of every event that has become durable, so that whoever waits for a result gets it. */
export type ResultWaiters = {
  published(events: readonly NostrEvent[]): void
  /** The result of a command, or `null` when it did not come in time. */
  wait(commandId: string, waitMs: number): Promise<NostrEvent | null>
}

/** Keeps those who wait for the result of a command over HTTP. */
export function createResultWaiters(): ResultWaiters {
  const waiting = new Map<string, Set<(result: NostrEvent) => void>>()
  return {
    published: events => {
      if (waiting.size === 0) return
      for (const event of events) {
        if (event.kind !== kinds.result) continue
        const commandId = tagValue(event, 'e')
        for (const give of waiting.get(commandId ?? '') ?? []) give(event)
      }
    },
    wait: (commandId, waitMs) =>
      new Promise(resolve => {
        const waiters = waiting.get(commandId) ?? new Set()
        waiting.set(commandId, waiters)
        const give = (result: NostrEvent | null) => {
          clearTimeout(timer)
          waiters.delete(give)
          if (waiters.size === 0) waiting.delete(commandId)
          resolve(result)
        }
        const timer = setTimeout(() => give(null), waitMs)
        waiters.add(give)
      }),
  }
}

/** The relay's way in, as the gateway uses it: the same that a websocket EVENT takes. */
export type Submit = (event: unknown, origin: Origin, done: (outcome: Submitted) => void) => void

/** What the relay said, with what it delivers for a query. */
export type Submitted = {
  readonly accepted: boolean
  readonly message: string
  readonly delivered: readonly NostrEvent[]
}

/** Makes the gateway. A command that was handled before gets its stored result, whoever sends it again: it is encrypted. */
export function createGateway(options: {
  /** The key of ours; what is meant for another has no result that one could wait for. */
  service: string
  submit: Submit
  waiters: ResultWaiters
  findResult(commandId: string): NostrEvent | null
  /** Events by address, counted before anything about them is checked: a signature costs more than most requests. */
  postsPerIp: Ration
}): Gateway {
  const { service, submit, waiters, findResult, postsPerIp } = options
  const send = (event: unknown, ip: string): Promise<Submitted> =>
    new Promise(resolve => {
      const refuse = (message: string) => resolve({ accepted: false, message, delivered: [] })
      if (!postsPerIp(networkOf(ip))) refuse(tooMany)
      else if (hasTags(event) && isForAnother(event, service)) refuse(toOkMessage(namesAnother))
      else submit(event, { source: 'client', ip, authenticated: nobody }, resolve)
    })

  return {
    command: async (event, ip, waitMs) => {
      if (!isOfKind(event, kinds.command)) return refusedAs(`a command has kind ${kinds.command}`)
      const { accepted, message } = await send(event, ip)
      if (!accepted) return { status: 'refused', message }
      const commandId = event.id
      const result = findResult(commandId) ?? (await waiters.wait(commandId, waitMs))
      return result === null ? { status: 'pending', commandId } : { status: 'result', event: result }
    },
    query: async (event, ip) => {
      if (!isOfKind(event, kinds.query)) return refusedAs(`a query has kind ${kinds.query}`)
      const { accepted, message, delivered } = await send(event, ip)
      const [answer] = delivered
      if (!accepted || answer === undefined)
        return { status: 'refused', message: message || 'error: INTERNAL: no answer' }
      return { status: 'answer', event: answer }
    },
  }
}

const nobody: ReadonlySet<string> = new Set()
const tooMany = toOkMessage(reject('RATE_LIMITED', 'too many events from this address, slow down'))

function refusedAs(message: string): { status: 'refused'; message: string } {
  return { status: 'refused', message: `invalid: INVALID_PARAMS: ${message}` }
}

function hasTags(event: unknown): event is { tags: string[][] } {
  if (typeof event !== 'object' || event === null || !('tags' in event) || !Array.isArray(event.tags)) return false
  return event.tags.every(tag => Array.isArray(tag) && tag.every(part => typeof part === 'string'))
}

function isOfKind(event: unknown, kind: number): event is { id: string } {
  return typeof event === 'object' && event !== null && 'kind' in event && event.kind === kind && 'id' in event
}
