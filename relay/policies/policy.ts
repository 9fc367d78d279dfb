import type { VerifiedEvent } from '../event.ts'
import type { Origin } from '../host.ts'

/**
 * What an operator has against an ordinary event: `null` for nothing, else the message of `OK false` with its NIP-01 prefix.
 * Asked once per event, after its signature was verified. Reads at most; never a promise.
 */
export type Policy = (event: VerifiedEvent, origin: Origin) => string | null

/** Takes what all of them take; the first refusal is the answer, and those after it are not asked. */
export function allOf(policies: readonly Policy[]): Policy {
  const [only] = policies
  if (only !== undefined && policies.length === 1) return only
  return (event, origin) => {
    for (const policy of policies) {
      const message = policy(event, origin)
      if (message !== null) return message
    }
    return null
  }
}

/** Takes what one of them takes; when all refuse, what each has to say is the answer, under the first one's prefix. */
export function anyOf(policies: readonly Policy[]): Policy {
  return (event, origin) => {
    const messages: string[] = []
    for (const policy of policies) {
      const message = policy(event, origin)
      if (message === null) return null
      messages.push(message)
    }
    const [first, ...others] = messages
    return first === undefined ? null : [first, ...others.map(withoutPrefix)].join('; or ')
  }
}

function withoutPrefix(message: string): string {
  return message.replace(/^[a-z-]+: /, '')
}
