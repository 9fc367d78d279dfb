import type { NostrEvent } from '../../relay/event.ts'

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
