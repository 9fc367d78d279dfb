/** What a relay's message is about; `other` is a refusal (NOTICE, CLOSED) or nothing known. */
export type Verb = 'EVENT' | 'EOSE' | 'OK' | 'AUTH' | 'other'

const verbs = new Map<number, Verb>(
  (['EVENT', 'EOSE', 'OK', 'AUTH'] as const).map(verb => [Buffer.from(verb).readUInt16BE(0), verb]),
)

/** The verb of `["VERB",…`, by the first two letters, in which they differ. */
export function verbOf(payload: Buffer): Verb {
  return (payload.length < 4 ? undefined : verbs.get(payload.readUInt16BE(2))) ?? 'other'
}

/** What to report when a relay answers otherwise than it was asked to. */
export function refusal(payload: Buffer): Error {
  return new Error(`refused: ${payload.toString('utf8').slice(0, 300)}`)
}
