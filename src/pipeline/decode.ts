import type { NostrEvent } from '../../relay/event.ts'
import type { Bound } from '../domain/method.ts'
import { type Envelope, parseEnvelope } from '../protocol/command.ts'
import type { MethodDeclaration } from '../protocol/method.ts'
import type { Signer } from '../protocol/signer.ts'
import { isRejection, type Rejection, reject } from '../rejections.ts'

/** A method that can be bound to params; commands and queries differ in what they run on. */
type Bindable<Run> = {
  readonly declaration: MethodDeclaration
  bind(params: unknown): Bound<Run>
}

/** A command or query, understood: its declaration and its handler, bound to checked params. */
export type Decoded<Run> = {
  readonly event: NostrEvent
  readonly envelope: Envelope
  readonly declaration: MethodDeclaration
  readonly run: Run
  readonly mayHoldUnpaid: boolean
}

/** Finds methods by name. */
export function methodIndex<Run>(methods: readonly Bindable<Run>[]): ReadonlyMap<string, Bindable<Run>> {
  return new Map(methods.map(method => [method.declaration.name, method]))
}

/**
 * Understands a signed command or query: envelope, method, encryption, params. Refuses with the admission codes of
 * `rejections.ts`; looks at no state, so that it can run before anything is written.
 */
export function decode<Run>(
  event: NostrEvent,
  methods: ReadonlyMap<string, Bindable<Run>>,
  signer: Pick<Signer, 'publicKey' | 'open'>,
): Decoded<Run> | Rejection {
  const envelope = parseEnvelope(event)
  if (isRejection(envelope)) return envelope
  if (envelope.service !== signer.publicKey) return namesAnother
  const method = methods.get(envelope.method)
  // Facts are the service's own; for everybody else they do not exist.
  const isOurs = method?.declaration.type !== 'fact' || event.pubkey === signer.publicKey
  const { name, privacy } = method?.declaration ?? {}
  if (!envelope.encrypted && privacy === 'private') {
    return reject('ENCRYPTION_REQUIRED', `${name} is private: encrypt its params to the service (NIP-44)`)
  }
  if (method === undefined || !isOurs) return reject('UNKNOWN_METHOD', `there is no such method`)
  const content = envelope.encrypted ? signer.open(event.content, event.pubkey) : event.content
  if (content === null) return reject('INVALID_PARAMS', 'content: cannot be decrypted')
  const bound = method.bind(parseJson(content))
  if (bound.ok) {
    const { run, mayHoldUnpaid } = bound
    return { event, envelope, declaration: method.declaration, run, mayHoldUnpaid }
  }
  const shown = bound.faults.slice(0, 10)
  return reject('INVALID_PARAMS', shown.map(fault => `${fault.path}: ${fault.message}`).join('; '), { faults: shown })
}

/** The refusal of what is meant for another service. */
export const namesAnother = reject('INVALID_PARAMS', 'tags: the "p" tag names another service')

/** Whether a command or query is meant for other keys only: nothing of ours to decode or to execute. */
export function isForAnother({ tags }: Pick<NostrEvent, 'tags'>, service: string): boolean {
  const keys = tags.filter(tag => tag[0] === 'p').map(tag => tag[1] ?? '')
  return !keys.includes(service) && keys.some(key => hex64.test(key))
}

const hex64 = /^[0-9a-f]{64}$/

/** The value of a JSON text; what is not JSON becomes `undefined`, which no params schema accepts. */
function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
