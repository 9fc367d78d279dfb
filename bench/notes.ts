import { createHash } from 'node:crypto'
import { closeSync, existsSync, openSync, readFileSync, renameSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { encodeEvent, eventId, type NostrEvent } from '../relay/event.ts'
import type { Secp256k1 } from '../relay/signatures/secp256k1.ts'
import { createRandom, pick, randomHex } from './random.ts'

/** Notes as people write them: 400 bytes of text, who is answered and what, by 200 authors. */
export type Notes = {
  /** When the first was written, in Unix seconds; each is two seconds newer than the one before, roughly. */
  readonly firstAt: number
  readonly authors: readonly string[]
  /** Note number `index`, whose signature is noise: for stores, which do not look at it. */
  unsigned(index: number): NostrEvent
  signed(index: number): NostrEvent
}

const authorCount = 200
const contentBytes = 400
/** New ones are newer than stored ones. */
export const secondsApart = 2
const formatVersion = 1

const words = (
  'the of and to in that is was for on are with they be at one have this from had by hot word but what some we can ' +
  'out other were all there when up use your how said an each she which do their time if will way about many then'
).split(' ')

/** Makes the generator of notes, the same at every run from the same time on. */
export function createNotes(secp: Secp256k1, firstAt = 1_760_000_000): Notes {
  const keys = Array.from({ length: authorCount }, (_, number) => {
    const secretKey = createHash('sha256').update(`panda bench author ${number}`).digest()
    return { secretKey, publicKey: Buffer.from(secp.publicKey(secretKey)).toString('hex') }
  })

  const keyOf = (number: number) => {
    const key = keys[number]
    if (key === undefined) throw new Error(`there is no author ${number}`)
    return key
  }

  const compose = (index: number) => {
    const random = createRandom(index * 2_654_435_761)
    const author = keyOf(pick(random, authorCount))
    const tags = [
      ['e', randomHex(random, 32), '', 'reply'],
      ['p', keyOf(pick(random, authorCount)).publicKey],
    ]
    let content = ''
    while (content.length < contentBytes) content += `${words[pick(random, words.length)]} `
    const unsigned = {
      pubkey: author.publicKey,
      created_at: firstAt + index * secondsApart - pick(random, 60),
      kind: 1,
      tags,
      content: content.slice(0, contentBytes),
    }
    return { random, author, event: { id: eventId(unsigned), ...unsigned } }
  }

  return {
    firstAt,
    authors: keys.map(({ publicKey }) => publicKey),
    unsigned: index => {
      const { random, event } = compose(index)
      return { ...event, sig: randomHex(random, 64) }
    },
    signed: index => {
      const { author, event } = compose(index)
      const sig = Buffer.from(secp.sign(Buffer.from(event.id, 'hex'), author.secretKey)).toString('hex')
      return { ...event, sig }
    },
  }
}

/** A file with signed notes, one a line, made once and kept, if nothing else is said, with the system's temporary files. */
export function signedNotesFile(notes: Notes, first: number, count: number, directory = tmpdir()): string {
  const file = join(directory, `panda-bench-notes-v${formatVersion}-${notes.firstAt}-${first}-${count}.jsonl`)
  if (existsSync(file)) return file
  const draft = `${file}.${process.pid}`
  const descriptor = openSync(draft, 'w')
  for (let index = first; index < first + count; index++) {
    writeSync(descriptor, `${encodeEvent(notes.signed(index))}\n`)
  }
  closeSync(descriptor)
  renameSync(draft, file)
  return file
}

/** The lines of such a file. */
export function readLines(file: string): string[] {
  return readFileSync(file, 'utf8').split('\n').filter(Boolean)
}
