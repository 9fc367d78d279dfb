import { encodeEvent, type NostrEvent } from '../../relay/event.ts'
import type { Applied } from '../../relay/host.ts'
import type { Signer } from '../protocol/signer.ts'
import { isRejection, type Rejection, reject } from '../rejections.ts'
import type { Environment } from '../store/environment.ts'
import { appendEntry, type Head, isHead, readHead } from '../store/log.ts'
import { tables } from '../store/tables.ts'
import type { Decoded } from './decode.ts'
import { type CommandRun, dedupeKeyOf, handle, type Outcome, rulesVersion } from './handle.ts'
import { refusalReply, signEffects, signResult } from './publish.ts'
import { refusalEnd, rememberRefusal } from './refusals.ts'

/** What an order or a refusal costs the one who sent the command: rations, which are no business of the log. */
export type Sender = {
  /** Whether something may be held for an order of this address that is not paid yet. */
  mayHold(): boolean
  /** An order of theirs waits for payment. */
  ordered(orderId: string): void
  /** A command of theirs was refused, which takes room. */
  refused(): void
}

/** Puts commands and facts into the log with all that follows from them. */
export type Applier = {
  /** Applies a command inside the writer's transaction. */
  command(command: Decoded<CommandRun>, sender?: Sender): Applied
  /** Applies a fact inside the writer's transaction; one whose dedupe key is used up changes nothing. */
  fact(fact: Decoded<CommandRun>): Applied
}

type Committed =
  | { readonly outcome: Outcome; readonly signed: readonly NostrEvent[] }
  | { readonly refused: Rejection; readonly time: number }

/** Makes the applier. `report` hears of bugs, with the id of the command that met them. */
export function createApplier(options: {
  environment: Environment
  signer: Signer
  now(): number
  report(error: unknown, commandId: string): void
  /** Hears of what has been published, once it is durable, and whether work with the world was asked for. */
  published(events: readonly NostrEvent[], asksForWork: boolean): void
  /** Hears of each command and fact, once it is durable: its method, and a status or the code of a refusal. */
  counted?: (method: string, outcome: string) => void
  /** Hears of what is going to be published inside the transaction, so that what follows from it can be written with it. */
  publishing?: ((events: readonly NostrEvent[]) => void) | undefined
}): Applier {
  const { environment, signer, now, report, counted = () => undefined, publishing = () => undefined } = options
  const publish = (store: readonly NostrEvent[], asksForWork: boolean, method: string, status: string): Applied => ({
    accepted: true,
    message: '',
    store,
    deliver: [],
    committed: () => {
      counted(method, status)
      options.published(store, asksForWork)
    },
  })
  let head: Head | undefined

  /** Runs and signs, which writes nothing, so that a refusal or a bug leaves nothing behind; then writes. */
  const commit = (command: Decoded<CommandRun>, mayHold: boolean): Committed => {
    if (head === undefined || !isHead(environment, head)) head = readHead(environment)
    const time = Math.max(now(), head.time)
    const made = run(command, { seq: head.seq + 1, time, mayHold, service: signer.publicKey })
    if ('refused' in made) return made
    const { outcome } = made
    const event = encodeEvent(command.event)
    head = appendEntry(environment, head, { time, rulesVersion, mayHold, digest: outcome.digest, event })
    outcome.write()
    return made
  }

  const run = (command: Decoded<CommandRun>, at: Parameters<typeof handle>[2]): Committed => {
    const { time } = at
    try {
      const outcome = handle(environment, command, at)
      if (isRejection(outcome)) return { refused: outcome, time }
      const effects = signEffects(signer, time, command.event.id, outcome.effects)
      return { outcome, signed: [...effects, ...signOutcome(command, outcome, time)] }
    } catch (error) {
      report(error, command.event.id)
      return { refused: reject('INTERNAL', 'the service failed at this command'), time }
    }
  }

  /** The result of a command that does not wait for the world; facts have none. */
  const signOutcome = ({ event, declaration }: Decoded<CommandRun>, { handled }: Outcome, time: number) => {
    if (declaration.type !== 'command' || handled.status === 'pending') return []
    const { status, body } = handled
    return [signResult(signer, time, { about: event.id, to: event.pubkey, method: declaration.name, status, body })]
  }

  const command = (decoded: Decoded<CommandRun>, sender = anyone): Applied => {
    const { event } = decoded
    if (environment.reader.has(tables.outcomes, [event.id]) || environment.reader.has(tables.refusals, [event.id])) {
      return { accepted: true, message: 'duplicate: this command was handled before', store: [], deliver: [] }
    }
    const made = commit(decoded, sender.mayHold())
    if ('refused' in made) {
      sender.refused()
      const refusal = refuse(environment, signer, made.time, decoded, made.refused)
      publishing([refusal])
      const { code } = made.refused
      const committed = () => {
        counted(decoded.declaration.name, code)
        options.published([refusal], false)
      }
      return { accepted: true, message: '', store: [], storeUntilExpired: [refusal], deliver: [], committed }
    }
    publishing(made.signed)
    const { handled } = made.outcome
    if (handled.status === 'pending' && handled.orderId !== null) sender.ordered(handled.orderId)
    return publish([event, ...made.signed], made.outcome.asksForWork, decoded.declaration.name, handled.status)
  }

  const fact = (decoded: Decoded<CommandRun>): Applied => {
    if (environment.reader.has(tables.factKeys, [dedupeKeyOf(decoded.event.tags)])) {
      return { accepted: true, message: 'duplicate: this fact is known', store: [], deliver: [] }
    }
    const { name } = decoded.declaration
    const made = commit(decoded, true)
    if ('refused' in made) {
      const { code, message } = made.refused
      return { accepted: false, message, store: [], deliver: [], committed: () => counted(name, code) }
    }
    publishing(made.signed)
    return publish(made.signed, made.outcome.asksForWork, name, 'ok')
  }

  return { command, fact }
}

/** Somebody whose rations nobody counts. */
const anyone: Sender = { mayHold: () => true, ordered: () => undefined, refused: () => undefined }

/** Remembers a refusal and signs it. It expires, since nothing depends on it once the command cannot be resent. */
function refuse(
  environment: Environment,
  signer: Signer,
  time: number,
  { event, envelope, declaration }: Decoded<CommandRun>,
  rejection: Rejection,
): NostrEvent {
  const expiresAt = refusalEnd(time, event.created_at, envelope.executeBy)
  rememberRefusal(environment, event.id, { author: event.pubkey, code: rejection.code, expiresAt })
  const reply = refusalReply(rejection, event, declaration.name)
  return signResult(signer, time, reply, [['expiration', String(expiresAt)]])
}
