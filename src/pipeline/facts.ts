import type { Applied } from '../../relay/host.ts'
import type { CommandMethod } from '../domain/method.ts'
import { kinds } from '../protocol/kinds.ts'
import type { Signer } from '../protocol/signer.ts'
import { isRejection } from '../rejections.ts'
import type { Applier } from './apply.ts'
import { commandMethods } from './catalog.ts'
import { decode, methodIndex } from './decode.ts'

/** Something that happened outside, to be recorded. `dedupeKey` is made of source, object and state. */
export type Fact = { readonly method: CommandMethod; readonly params: object; readonly dedupeKey: string }

/** Appends a fact to the log; resolves once it is durable, with `false` when it was known already. */
export type AppendFact = (fact: Fact) => Promise<boolean>

/** Runs something in the writer's transaction and tells when it is durable: the relay's in-process append. */
export type ApplyLocally = (
  apply: () => Applied,
  done: (outcome: { ok: true; value: Applied } | { ok: false; error: unknown }) => void,
) => void

/** A fact is malformed, or the handlers refused it: a bug, not a fault of the disk, so trying again would not help. */
export class FactRefused extends Error {
  override readonly name = 'FactRefused'
}

/** Makes the one entrance of facts. A fact that the handlers refuse is a bug, and rejects the promise. */
export function createFactAppender(options: {
  signer: Signer
  applier: Applier
  applyLocally: ApplyLocally
  now(): number
}): AppendFact {
  const { signer, applier, applyLocally, now } = options
  const methods = methodIndex(commandMethods.filter(method => method.declaration.type === 'fact'))
  return ({ method, params, dedupeKey }) =>
    new Promise((resolve, reject) => {
      const event = signer.sign({
        kind: kinds.command,
        created_at: now(),
        tags: [
          ['p', signer.publicKey],
          ['method', method.declaration.name],
          ['dedupe', dedupeKey],
        ],
        content: JSON.stringify(params),
      })
      const fact = decode(event, methods, signer)
      if (isRejection(fact)) {
        reject(new FactRefused(`fact ${method.declaration.name} is malformed: ${fact.message}`))
        return
      }
      applyLocally(
        () => applier.fact(fact),
        outcome => {
          if (!outcome.ok) reject(outcome.error)
          else if (!outcome.value.accepted) {
            reject(new FactRefused(`fact ${method.declaration.name} was refused: ${outcome.value.message}`))
          } else resolve(outcome.value.message === '')
        },
      )
    })
}
