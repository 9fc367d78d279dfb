import type { Applied } from '../../relay/host.ts'
import type { CallMethod } from '../domain/method.ts'
import type { Signer } from '../protocol/signer.ts'
import { isRejection } from '../rejections.ts'
import type { Secrets } from '../store/secrets.ts'
import type { Settings } from '../store/settings-row.ts'
import type { Reader } from '../store/transaction.ts'
import { authorise } from './authorise.ts'
import type { Decoded } from './decode.ts'
import { refusalReply, signAnswer } from './publish.ts'

/** The handler of a call, bound to its params. */
export type CallRun = Extract<ReturnType<CallMethod['bind']>, { ok: true }>['run']

/**
 * Carries out a call inside the writer's transaction. Nothing of it comes into the log or is stored as an event: its answer
 * goes to whoever waits for it. `counted` hears of `ok` or the code of a refusal, once it is durable.
 */
export function performCall(
  { reader, signer, secrets }: { reader: Reader; signer: Signer; secrets: Secrets },
  { event, declaration, run }: Decoded<CallRun>,
  { time, settings }: { time: number; settings: Settings },
  counted: (method: string, outcome: string) => void = () => undefined,
): Applied {
  const { id: callId, pubkey: author } = event
  const answer =
    authorise(declaration, author, signer.publicKey, settings) ??
    run(secrets, { time, author, settings, callId, reader })
  const { name: method, privacy } = declaration
  const reply = isRejection(answer)
    ? refusalReply(answer, event, method)
    : { about: callId, to: author, method, status: 'ok' as const, body: answer }
  return {
    accepted: true,
    message: '',
    store: [],
    deliver: [signAnswer(signer, time, privacy, reply)],
    committed: () => counted(method, isRejection(answer) ? answer.code : 'ok'),
  }
}
