import { kinds } from '../protocol/kinds.ts'

/** What neither a client nor an operator's tool removes: what the service itself has signed, and commands. */
export function isProtectedBy(servicePublicKey: string): (event: { kind: number; pubkey: string }) => boolean {
  return ({ kind, pubkey }) => pubkey === servicePublicKey || kind === kinds.command
}
