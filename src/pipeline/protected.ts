import type { IsProtected } from '../../relay/host.ts'
import { kinds } from '../protocol/kinds.ts'

/** What neither a client nor an operator's tool removes: what the service itself has signed, and commands to it. */
export function isProtectedBy(servicePublicKey: string): IsProtected {
  return ({ kind, pubkey, isFor }) => {
    return pubkey === servicePublicKey || (kind === kinds.command && isFor(servicePublicKey))
  }
}
