import type { Outlet } from './outlet.ts'

/** Who asks on a connection, and where the answers go. */
export type Client = {
  readonly outlet: Outlet
  /** The keys that have authenticated so far (NIP-42). */
  readonly authenticated: ReadonlySet<string>
  sendChallenge(): void
  /** The same, unless it has been sent before: for a client that may want to sign in, and need not. */
  offerAuth(): void
}
