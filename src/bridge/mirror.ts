import type { NostrEvent } from '../../relay/event.ts'
import type { Origin } from '../../relay/host.ts'
import type { Relay } from '../../relay/relay.ts'
import type { Environment } from '../store/environment.ts'
import { tables } from '../store/tables.ts'
import { createDestination, type Destination, type Surroundings } from './destination.ts'
import { createIntake, type Intake } from './intake.ts'
import type { Backoff } from './settings.ts'
import { type BridgeNews, createStanding, type Standing } from './standing.ts'

/** A relay of the operator's choice: commands come in from it, and everything public or for customers goes to it. */
export type Mirror = { readonly destination: Destination; readonly intake: Intake | null; stop(): void }

/** Makes a mirror; it connects once its link is wanted. */
export function createMirror(
  { key, read, write: isWritten }: { key: string; read: boolean; write: boolean },
  options: {
    surroundings: Surroundings
    dial: { maxMessageBytes: number; bytesPerSecond: number }
    backoff: Backoff
    retry: Backoff
    environment: Environment
    submit: Relay['submit']
    /** Answers what was refused for good; gives an answer that is not kept. */
    refuse(event: NostrEvent, message: string): NostrEvent | null
    commandsPerMinute: number
    nowMs(): number
    holdMs: number
    steadyMs: number
    /** It may be asked from now on. */
    connected(): void
    tell(news: BridgeNews): void
  },
): Mirror {
  const { surroundings, dial, backoff, retry, environment, submit, refuse, commandsPerMinute, nowMs, holdMs } = options
  const { reader, transactor } = environment
  const { now, write, signer, onError } = surroundings

  const send = (answers: readonly NostrEvent[]) => {
    // An answer to a query is worth nothing to whoever has stopped waiting, so it is not queued.
    if (isWritten) for (const answer of answers) void destination.link.connection()?.publish(answer)
  }
  const seenUntil = () => reader.get(tables.bridgeRelays, [key])?.seenUntil ?? 0
  const noteSeen = (until: number) => {
    const note = () => {
      const queued = reader.get(tables.bridgeRelays, [key])?.queued ?? 0
      transactor.put(tables.bridgeRelays, [key], { seenUntil: Math.max(seenUntil(), until), queued })
    }
    write(note).catch(onError)
  }
  const intake = read
    ? createIntake({
        service: signer.publicKey,
        origins: { customers: originOf(key, 'customers'), strangers: originOf(key, 'strangers') },
        submit,
        isKnown: id => reader.has(tables.outcomes, [id]) || reader.has(tables.refusals, [id]),
        isCustomer: author => reader.has(tables.accounts, [author]),
        refused: (event, message) => {
          const answer = refuse(event, message)
          if (answer !== null) send([answer])
        },
        answered: send,
        seenUntil,
        noteSeen,
        commandsPerMinute,
        now,
        nowMs,
        holdMs,
      })
    : null
  const standing: Standing = createStanding({
    key,
    steadyMs: options.steadyMs,
    isWell: () => intake?.isCaughtUp() ?? true,
    tell: options.tell,
  })
  const destination = createDestination(key, {
    surroundings,
    dial: { ...dial, lookup: null },
    backoff,
    retry,
    up: connection => {
      standing.up()
      intake?.connected(connection)
      options.connected()
    },
    down: reason => {
      standing.down(reason)
      intake?.disconnected()
    },
    dropped: why => standing.dropped(why),
  })
  const stop = () => {
    standing.stop()
    intake?.stop()
    destination.delivery.stop()
    destination.link.leave()
  }
  return { destination, intake, stop }
}

/**
 * Whom rations count what comes from a relay under. One relay stands for many people, so it has a ration of its own, and
 * those who have an account another than the rest, who could be anybody's keys by the thousand.
 */
function originOf(key: string, who: string): Origin {
  // Not in the form of an address, which would be counted by its network.
  return { source: 'bridge', ip: `bridge ${key.replaceAll(':', ' ')} ${who}`, authenticated: new Set() }
}
