import { authFault, newChallenge } from '../auth.ts'
import type { Limits } from '../limits.ts'
import { countRefusal, type RelayMetrics } from '../metrics/metrics.ts'
import type { Secp256k1 } from '../signatures/secp256k1.ts'
import { hasRightId, parseEvent, verifySignature } from '../signatures/verify.ts'

/** How a client says who it is (NIP-42). */
export type Authentication = {
  sendChallenge(): void
  /** The same, unless it has been sent before: for a client that may want to sign in, and need not. */
  offerAuth(): void
  /** An AUTH: answers with OK, and adds the key when it is right. */
  onAuth(value: unknown): void
}

/** How many keys may authenticate on one connection. */
const maxKeys = 32
const wrongProof = 'invalid: id or signature is wrong'

/** Makes it for one connection; a challenge is good as long as that lasts. */
export function createAuthentication(
  context: { secp: Secp256k1; limits: Limits; metrics: RelayMetrics; urls: readonly string[]; now(): number },
  client: {
    /** The keys so far. */
    readonly authenticated: Set<string>
    send(message: readonly unknown[]): void
    /** Whether it is not too many at once. */
    mayTry(): boolean
    onBadMessage(notice: string): void
    countMistake(): void
  },
): Authentication {
  const { secp, limits, metrics, urls, now } = context
  const { authenticated, send, mayTry, onBadMessage, countMistake } = client
  let challenge: string | null = null

  const sendChallenge = () => {
    challenge ??= newChallenge()
    send(['AUTH', challenge])
  }

  const onAuth = (value: unknown) => {
    const parsed = parseEvent(value, limits)
    if (!parsed.ok) {
      if (parsed.id === null) return onBadMessage(`invalid: ${parsed.reason}`)
      metrics.authRefused.invalid++
      send(['OK', parsed.id, false, `invalid: ${parsed.reason}`])
      return countMistake()
    }
    const { event } = parsed
    const refuse = (message: string) => {
      countRefusal(metrics.authRefused, message)
      send(['OK', event.id, false, message])
    }
    if (!mayTry()) return refuse('rate-limited: too many events, slow down')
    const expected = { challenge: challenge ?? '', urls, now: now(), windowSeconds: limits.authWindowSeconds }
    const fault = challenge === null ? 'invalid: no challenge was sent on this connection' : authFault(event, expected)
    if (fault !== null) return refuse(fault)
    if (!hasRightId(event)) return refuse(wrongProof)
    metrics.verifications++
    if (verifySignature(event, secp) === null) {
      metrics.badSignatures++
      refuse(wrongProof)
      return countMistake()
    }
    if (authenticated.size >= maxKeys) return refuse(`restricted: at most ${maxKeys} keys on a connection`)
    authenticated.add(event.pubkey)
    send(['OK', event.id, true, ''])
  }

  return {
    sendChallenge,
    offerAuth: () => {
      if (challenge === null) sendChallenge()
    },
    onAuth,
  }
}
