import type { NostrEvent } from '../../relay/event.ts'
import type { QueryMethod } from '../domain/method.ts'
import type { Signer } from '../protocol/signer.ts'
import { isRejection } from '../rejections.ts'
import type { Settings } from '../store/settings-row.ts'
import type { Reader } from '../store/transaction.ts'
import { authorise } from './authorise.ts'
import type { Decoded } from './decode.ts'
import { refusalReply, signAnswer } from './publish.ts'

/** The handler of a query, bound to its params. */
export type QueryRun = Extract<ReturnType<QueryMethod['bind']>, { ok: true }>['run']

/** Answers a query from the tables as they are now. Writes nothing. `counted` hears of `ok` or the code of a refusal. */
export function answerQuery(
  reader: Reader,
  signer: Signer,
  { event, declaration, run }: Decoded<QueryRun>,
  { time, settings }: { time: number; settings: Settings },
  counted: (method: string, outcome: string) => void = () => undefined,
): NostrEvent {
  const author = event.pubkey
  const context = { time, author, settings, sign: signer.sign }
  const answer = authorise(declaration, author, signer.publicKey, settings) ?? run(reader, context)
  const { name: method, privacy } = declaration
  counted(method, isRejection(answer) ? answer.code : 'ok')
  const reply = isRejection(answer)
    ? refusalReply(answer, event, method)
    : { about: event.id, to: author, method, status: 'ok' as const, body: answer }
  return signAnswer(signer, time, privacy, reply)
}
