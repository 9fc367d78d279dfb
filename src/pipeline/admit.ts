import { networkOf } from '../../relay/connection-counter.ts'
import { kindClass, type NostrEvent, type VerifiedEvent } from '../../relay/event.ts'
import type { Admission, Host, Origin } from '../../relay/host.ts'
import { isInWindow, parseEnvelope } from '../protocol/command.ts'
import { kinds, restrictedKinds } from '../protocol/kinds.ts'
import type { Signer } from '../protocol/signer.ts'
import { isRejection, type Rejection, reject, toOkMessage } from '../rejections.ts'
import type { Room } from '../store/disk.ts'
import type { Environment } from '../store/environment.ts'
import { tables } from '../store/tables.ts'
import type { Applier, Sender } from './apply.ts'
import { commandMethods, queryMethods } from './catalog.ts'
import { currentSettings } from './current-settings.ts'
import { decode, methodIndex } from './decode.ts'
import { answerQuery } from './query.ts'
import type { Rations } from './rations.ts'
import { isFull } from './refusals.ts'
import type { UnpaidHolds } from './unpaid-holds.ts'
import { unwelcome, type WelcomePolicy } from './welcome.ts'

/** Makes the host through which the relay hands us events: commands and queries are ours, the rest is up to the policy. */
export function createHost(options: {
  environment: Environment
  signer: Signer
  applier: Applier
  rations: Rations
  unpaidHolds: UnpaidHolds
  policy: WelcomePolicy
  now(): number
  room(): Room
}): Host {
  const { environment, signer, applier, rations, unpaidHolds, policy, now, room } = options
  const { reader } = environment
  const commands = methodIndex(commandMethods)
  const queries = methodIndex(queryMethods)

  const admitCommand = (event: VerifiedEvent, origin: Origin): Admission => {
    const refusal = rationRefusal(event, origin)
    if (refusal !== null) return refused(refusal)
    const command = decode(event, commands, signer)
    if (isRejection(command)) return refused(command)
    if (!isInWindow(event.created_at, command.envelope.executeBy, now())) return refused(outOfWindow)
    if (!rations.commandsPerKey(event.pubkey)) return refused(tooManyOfKey)
    if (!rations.refusalsPerKey(event.pubkey, 0) || !rations.refusalsPerIp(networkOf(origin.ip), 0)) {
      return refused(reject('RATE_LIMITED', 'too many of your commands were refused today, try again later'))
    }
    if (isFull(environment, reader.has(tables.accounts, [event.pubkey]))) {
      return refused(reject('RATE_LIMITED', 'too many commands were refused lately, try again later'))
    }
    if (currentSettings(environment).suspended.includes(event.pubkey)) return refused(suspended)
    if (room() === 'facts') return refused(reject('INTERNAL', 'the service is short of disk space, try again later'))
    const sender = senderOf(event, origin, command.mayHoldUnpaid)
    return { kind: 'apply', apply: () => applier.command(command, sender) }
  }

  const senderOf = ({ pubkey }: NostrEvent, origin: Origin, mayHoldUnpaid: boolean): Sender => {
    const network = networkOf(origin.ip)
    return {
      mayHold: () => !mayHoldUnpaid || unpaidHolds.mayHold(network),
      ordered: orderId => {
        if (mayHoldUnpaid) unpaidHolds.ordered(network, orderId)
      },
      refused: () => {
        rations.refusalsPerKey(pubkey)
        rations.refusalsPerIp(network)
      },
    }
  }

  const admitQuery = (event: VerifiedEvent, origin: Origin): Admission => {
    const refusal = rationRefusal(event, origin)
    if (refusal !== null) return refused(refusal)
    const query = decode(event, queries, signer)
    if (isRejection(query)) return refused(query)
    if (!isInWindow(event.created_at, query.envelope.executeBy, now())) return refused(outOfWindow)
    if (!rations.commandsPerKey(event.pubkey)) return refused(tooManyOfKey)
    const settings = currentSettings(environment)
    if (settings.suspended.includes(event.pubkey)) return refused(suspended)
    return { kind: 'answer', deliver: [answerQuery(reader, signer, query, { time: now(), settings })] }
  }

  /**
   * Too many from this address, or decryption used up: known before the expensive part. A key's own ration comes later:
   * what is malformed or out of its window may be sent again by anybody who has seen it.
   */
  const rationRefusal = (event: NostrEvent, origin: Origin): Rejection | null => {
    const ip = networkOf(origin.ip)
    if (!rations.commandsPerIp(ip)) return reject('RATE_LIMITED', 'too many commands from this address')
    const envelope = parseEnvelope(event)
    if (isRejection(envelope)) return null
    if (!envelope.encrypted || signer.isAcquainted(event.pubkey)) return null
    if (rations.decryptionsPerConnection(origin) && rations.decryptionsPerIp(ip) && rations.decryptionsInTotal('')) {
      return null
    }
    return reject('RATE_LIMITED', 'too many first encrypted messages now, try again later')
  }

  /** Takes what is stored for a key and an address from their rations. */
  const hasRoomFor = (event: NostrEvent, origin: Origin): boolean => {
    if (kindClass(event.kind) === 'ephemeral') return true
    const bytes = sizeOf(event)
    return rations.storedBytesPerKey(event.pubkey, bytes) && rations.storedBytesPerIp(networkOf(origin.ip), bytes)
  }

  return {
    restrictedKinds,
    isProtected: event => event.pubkey === signer.publicKey || event.kind === kinds.command,
    known: id => {
      if (!reader.has(tables.outcomes, [id]) && !reader.has(tables.refusals, [id])) return undefined
      return { accepted: true, message: 'duplicate: this command was handled before' }
    },
    admit: (event, origin) => {
      if (event.pubkey === signer.publicKey) return deny('blocked: events of the service come from the service itself')
      if (event.kind === kinds.command) return admitCommand(event, origin)
      if (event.kind === kinds.query) return admitQuery(event, origin)
      if (room() !== 'events') return deny('error: the relay is short of disk space, try again later')
      const message = unwelcome(event, policy, reader, signer.publicKey)
      if (message !== null) return deny(message)
      return hasRoomFor(event, origin)
        ? { kind: 'store' }
        : deny('rate-limited: too much was stored for you, come back later')
    },
  }
}

const outOfWindow = reject('EXPIRED', 'created_at is too far from now, or execute-by has passed')
const tooManyOfKey = reject('RATE_LIMITED', 'too many commands of this key')
const suspended = reject('SUSPENDED', 'this account is suspended')

/** About how many bytes an event takes, without building its text. */
function sizeOf({ content, tags }: NostrEvent): number {
  let bytes = 400 + Buffer.byteLength(content)
  for (const tag of tags) for (const value of tag) bytes += value.length + 3
  return bytes
}

function refused(rejection: Rejection): Admission {
  return deny(toOkMessage(rejection))
}

function deny(message: string): Admission {
  return { kind: 'refuse', message }
}
