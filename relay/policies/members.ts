import type { Policy } from './policy.ts'

/** Only events of members; who is one, the application says. */
export function membersOnly(isMember: (pubkey: string) => boolean): Policy {
  return ({ pubkey }) => (isMember(pubkey) ? null : 'restricted: only members may write to this relay')
}
