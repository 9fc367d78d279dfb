import { createHash } from 'node:crypto'
import type { NostrEvent } from '../../relay/event.ts'
import { loadSecp256k1 } from '../../relay/signatures/secp256k1-load.ts'
import { createApplier } from '../../src/pipeline/apply.ts'
import { commandMethods } from '../../src/pipeline/catalog.ts'
import { decode, methodIndex } from '../../src/pipeline/decode.ts'
import { createFactAppender } from '../../src/pipeline/facts.ts'
import { createSigner } from '../../src/protocol/signer.ts'
import { isRejection } from '../../src/rejections.ts'
import type { Environment } from '../../src/store/environment.ts'
import { tables } from '../../src/store/tables.ts'
import { keyOf, startTime } from '../src/service.ts'
import type { Stage } from './play.ts'

/** The key of the service that the golden log belongs to. */
export const goldenSigner = createSigner(await loadSecp256k1(), keyOf(1).secretKey)

/** A stage whose commands have the same bytes every time: fixed keys, times, salts and nonces. */
export async function openStage(environment: Environment): Promise<Stage> {
  const secp = await loadSecp256k1()
  const commands = methodIndex(commandMethods)
  const clock = { time: startTime }
  const now = () => clock.time
  const report = (error: unknown) => {
    throw error
  }
  const applier = createApplier({ environment, signer: goldenSigner, now, report, published: () => undefined })
  let salt = 0
  return {
    clock,
    send: (by, method, params) => {
      const author = createSigner(secp, by.secretKey)
      const recipient = goldenSigner.publicKey
      const sealing = { commandId: String(salt), kind: 2410, recipient, index: 0 }
      const tags = [
        ['p', recipient],
        ['method', method],
        ['encryption', 'nip44_v2'],
        ['salt', String(salt++)],
      ]
      const content = author.seal(JSON.stringify(params), sealing) ?? ''
      const event = author.sign({ kind: 2410, created_at: clock.time, tags, content })
      const command = decode(event, commands, goldenSigner)
      if (isRejection(command)) throw new Error(`${method} was refused at admission: ${command.message}`)
      environment.root.transactionSync(() => applier.command(command))
      if (!environment.reader.has(tables.outcomes, [event.id])) throw new Error(`${method} was refused`)
      return event.id
    },
    appendFact: createFactAppender({
      signer: goldenSigner,
      applier,
      now,
      applyLocally: (apply, done) => done({ ok: true, value: environment.root.transactionSync(apply) }),
    }),
  }
}

/** One entry of a golden log. */
export type GoldenEntry = { readonly time: number; readonly event: NostrEvent }

/** What a golden log must come to: the outcome digest of every entry, and a digest over the rows of every fold table. */
export type GoldenOutcome = { readonly entries: readonly string[]; readonly tables: Readonly<Record<string, string>> }

/** A digest over the keys and rows of every fold table that has any. */
export function digestTables(environment: Environment): Record<string, string> {
  const digests: Record<string, string> = {}
  for (const table of Object.values(tables)) {
    if (table.mark !== 'fold') continue
    const digest = createHash('sha256')
    let rows = 0
    for (const { key, value } of environment.bytes(table).getRange({})) {
      digest.update(`${key.length} ${value.length} `).update(key).update(value)
      rows++
    }
    if (rows > 0) digests[table.name] = `${rows} ${digest.digest('hex')}`
  }
  return digests
}
