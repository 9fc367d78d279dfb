import type { NostrEvent } from '../../relay/event.ts'
import type { ApplyLocally } from '../pipeline/facts.ts'
import { refusalReply, signAnswer, signResult } from '../pipeline/publish.ts'
import type { Ration } from '../pipeline/ration.ts'
import { isFull, rememberRefusal } from '../pipeline/refusals.ts'
import { kinds } from '../protocol/kinds.ts'
import type { Signer } from '../protocol/signer.ts'
import { isRejectionCode, reject } from '../rejections.ts'
import type { Environment } from '../store/environment.ts'
import { tables } from '../store/tables.ts'
import { lookBackSeconds } from './incoming.ts'
import type { Outbound } from './outbound.ts'

const maxMethodLength = 64

/**
 * Answers what was refused at admission with a signed result, since its sender has no websocket here to hear `OK false`
 * on. Only for events whose signature was verified, once for each id, and within rations: a small event for each of theirs.
 * Gives the answer to a query, which is not kept, to be sent at once.
 */
export function createRefuser(options: {
  environment: Environment
  signer: Signer
  outbound: Pick<Outbound, 'enqueue'>
  applyLocally: ApplyLocally
  answersPerKey: Ration
  answersInTotal: Ration
  now(): number
  committed(): void
  onError(error: unknown): void
}): (event: NostrEvent, message: string) => NostrEvent | null {
  const { environment, signer, outbound, applyLocally, answersPerKey, answersInTotal, now, committed, onError } =
    options

  return (event, message) => {
    const rejection = rejectionOf(message)
    if (rejection === null || !answersPerKey(event.pubkey) || !answersInTotal('')) return null
    const reply = refusalReply(rejection, event, methodOf(event))
    if (event.kind === kinds.query) return signAnswer(signer, now(), 'sealed', reply)
    if (isFull(environment, environment.reader.has(tables.accounts, [event.pubkey]))) return null
    // As long as the relay may be asked for it again, so that there is one answer only.
    const expiresAt = Math.max(now(), event.created_at) + lookBackSeconds + 3_600
    const result = signResult(signer, now(), reply, [['expiration', String(expiresAt)]])
    applyLocally(
      () => {
        const { reader } = environment
        const isAnswered = reader.has(tables.refusals, [event.id]) || reader.has(tables.outcomes, [event.id])
        if (isAnswered) return { accepted: true, message: '', store: [], deliver: [] }
        rememberRefusal(environment, event.id, { author: event.pubkey, code: rejection.code, expiresAt })
        outbound.enqueue([result])
        return { accepted: true, message: '', store: [], storeUntilExpired: [result], deliver: [], committed }
      },
      outcome => {
        if (!outcome.ok) onError(outcome.error)
      },
    )
    return null
  }
}

/** The refusal that an OK message tells of. */
function rejectionOf(message: string) {
  const [, code, text] = /^[a-z-]+: ([A-Z_]+): (.*)$/s.exec(message) ?? []
  return code !== undefined && isRejectionCode(code) ? reject(code, text ?? '') : null
}

/** What was asked for, as far as it can be told. */
function methodOf({ tags }: NostrEvent): string {
  const method = tags.find(tag => tag[0] === 'method')?.[1] ?? ''
  return method.length > maxMethodLength ? '' : method
}
