import { hash } from 'node:crypto'
import type { ResultStatus } from '../protocol/method.ts'
import type { Signer } from '../protocol/signer.ts'
import type { Rejection } from '../rejections.ts'
import type { Settings } from '../store/settings-row.ts'
import type { Sellable } from './billing/sellable.ts'

/** Something a command makes known besides its own result. Signed and published after the handler, in this order. */
export type Effect =
  /** To one account, encrypted; `about` is the command it concerns. */
  | { kind: 'notice'; type: string; to: string; about: string | null; body: object }
  /** The result of an earlier command that was waiting for the world. */
  | { kind: 'result'; commandId: string; to: string; method: string; status: ResultStatus; body: object }
  /** A public replaceable or addressable event of the service. */
  | { kind: 'event'; eventKind: number; identifier: string; createdAt: number; tags: string[][] }

/** What a handler knows besides its params and the tables. Nothing here comes from a clock, a file or chance. */
export type Context = {
  /** Log time, Unix seconds. */
  readonly time: number
  /** Whether its sender's address has unpaid holds left; it stands in the log. */
  readonly mayHold: boolean
  /** Id of the command or fact being handled: the root of every id it makes. */
  readonly commandId: string
  readonly author: string
  readonly settings: Settings
  readonly sellables: ReadonlyMap<string, Sellable>
  emit(effect: Effect): void
}

/** Who looks at something, and when. */
export type Viewer = Pick<Context, 'time' | 'author' | 'settings'>

/** What a query knows. What it has signed, whoever asks can show to others. */
export type QueryContext = Viewer & { readonly sign: Signer['sign'] }

/** What came of a command. `pending`: the result follows when a fact arrives. */
export type Handled =
  | { readonly status: 'ok' | 'payment-required'; readonly body: object }
  | { readonly status: 'pending'; readonly orderId: string | null }
  | Rejection

/** A successful outcome. */
export function ok(body: object): Handled {
  return { status: 'ok', body }
}

/**
 * An id that follows from the command and a label: the same at every replay. It begins with the time, so that what is
 * new stands together in its table and a transaction touches fewer pages. It is no secret.
 */
export function deriveRef({ time, commandId }: Pick<Context, 'time' | 'commandId'>, label: string): string {
  return time.toString(16).padStart(10, '0') + hash('sha256', `${commandId}:${label}`).slice(0, 22)
}

/** Whether a key may do what operators do. */
export function isOperator(settings: Settings, key: string): boolean {
  return settings.operators.includes(key)
}

/** Whether a key may do what support staff do; operators may. */
export function isStaff(settings: Settings, key: string): boolean {
  return settings.staff.includes(key) || isOperator(settings, key)
}
