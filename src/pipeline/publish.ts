import type { NostrEvent } from '../../relay/event.ts'
import type { Effect } from '../domain/context.ts'
import { errorBody } from '../domain/pending.ts'
import { kinds } from '../protocol/kinds.ts'
import type { MethodDeclaration, ResultStatus } from '../protocol/method.ts'
import type { Signer } from '../protocol/signer.ts'
import type { Rejection } from '../rejections.ts'

/** What a reply says and to whom; `about` is the command or query that it answers. */
type Reply = { about: string; to: string; method: string; status: ResultStatus; body: object }

/** The signed result of a command, encrypted to its author. */
export function signResult(signer: Signer, time: number, reply: Reply, extraTags: string[][] = []): NostrEvent {
  return signSealed(signer, time, kinds.result, reply, extraTags)
}

/** The signed answer to a query: in the clear for public methods, else encrypted to its author. */
export function signAnswer(
  signer: Signer,
  time: number,
  privacy: MethodDeclaration['privacy'],
  reply: Reply,
): NostrEvent {
  if (privacy !== 'public') return signSealed(signer, time, kinds.answer, reply, [])
  return signer.sign({
    kind: kinds.answer,
    created_at: time,
    tags: replyTags(reply),
    content: JSON.stringify(reply.body),
  })
}

/** What a refusal looks like as a reply. */
export function refusalReply(rejection: Rejection, command: { id: string; pubkey: string }, method: string): Reply {
  return { about: command.id, to: command.pubkey, method, status: 'error', body: errorBody(rejection) }
}

/** Signs what a command made known, in order. `cause` is the command or fact. */
export function signEffects(signer: Signer, time: number, cause: string, effects: readonly Effect[]): NostrEvent[] {
  return effects.map((effect, index) => {
    switch (effect.kind) {
      case 'result': {
        const { commandId: about, to, method, status, body } = effect
        return signResult(signer, time, { about, to, method, status, body })
      }
      case 'notice': {
        const tags = [
          ['p', effect.to],
          ['type', effect.type],
        ]
        if (effect.about !== null) tags.unshift(['e', effect.about])
        const sealing = { commandId: cause, kind: kinds.notice, recipient: effect.to, index }
        return sealAndSign(signer, time, kinds.notice, tags, JSON.stringify(effect.body), sealing)
      }
      case 'event': {
        const tags = [['d', effect.identifier], ...effect.tags]
        return signer.sign({ kind: effect.eventKind, created_at: effect.createdAt, tags, content: '' })
      }
      default: {
        const unknown: never = effect
        throw new Error(`no such effect ${JSON.stringify(unknown)}`)
      }
    }
  })
}

function signSealed(signer: Signer, time: number, kind: number, reply: Reply, extraTags: string[][]): NostrEvent {
  const sealing = { commandId: reply.about, kind, recipient: reply.to, index: 0 }
  const tags = [...replyTags(reply), ...extraTags]
  return sealAndSign(signer, time, kind, tags, JSON.stringify(reply.body), sealing)
}

function sealAndSign(
  signer: Signer,
  time: number,
  kind: number,
  tags: string[][],
  plaintext: string,
  sealing: Parameters<Signer['seal']>[1],
): NostrEvent {
  const content = signer.seal(plaintext, sealing)
  // The key signed a command, so it is on the curve; or it is staff's, which the configuration has checked.
  if (content === null) throw new Error(`cannot encrypt to ${sealing.recipient}`)
  return signer.sign({ kind, created_at: time, tags: [...tags, ['encryption', 'nip44_v2']], content })
}

function replyTags({ about, to, method, status }: Reply): string[][] {
  return [
    ['e', about],
    ['p', to],
    ['method', method],
    ['status', status],
  ]
}
