import { networkOf } from '../../relay/connection/connection-counter.ts'
import { kindClass, type NostrEvent, tagValue, type VerifiedEvent } from '../../relay/event.ts'
import type { Admission, Host, Origin } from '../../relay/host.ts'
import { isInWindow, parseEnvelope } from '../protocol/command.ts'
import { kinds, openKinds, restrictedKinds } from '../protocol/kinds.ts'
import type { Signer } from '../protocol/signer.ts'
import { isRejection, type Rejection, type RejectionCode, reject, toOkMessage } from '../rejections.ts'
import type { Room } from '../store/disk.ts'
import type { Environment } from '../store/environment.ts'
import type { Secrets } from '../store/secrets.ts'
import { tables } from '../store/tables.ts'
import { admitImported } from './admit-imported.ts'
import type { Applier, Sender } from './apply.ts'
import { performCall } from './call.ts'
import { callMethods, commandMethods, queryMethods } from './catalog.ts'
import { currentSettings } from './current-settings.ts'
import { decode, isForAnother, methodIndex, namesAnother } from './decode.ts'
import { isProtectedBy } from './protected.ts'
import { answerQuery } from './query.ts'
import type { Rations } from './rations.ts'
import { isFull } from './refusals.ts'
import type { UnpaidHolds } from './unpaid-holds.ts'
import { unwelcome, type WelcomePolicy } from './welcome.ts'

/** Told of queries by method and outcome, and of what is refused at admission by code. */
type AdmissionCounts = {
  query(method: string, outcome: string): void
  refusal(type: 'command' | 'query', code: RejectionCode): void
}

/** Makes the host through which the relay hands us events: commands and queries are ours, the rest is up to the policy. */
export function createHost(options: {
  environment: Environment
  signer: Signer
  applier: Applier
  rations: Rations
  unpaidHolds: UnpaidHolds
  secrets: Secrets
  policy: WelcomePolicy
  now(): number
  room(): Room
  /** Hears of what is answered or refused here. */
  counts?: AdmissionCounts
}): Host {
  const { environment, signer, applier, rations, unpaidHolds, secrets, policy, now, room, counts } = options
  const { reader } = environment
  const commands = methodIndex(commandMethods)
  const queries = methodIndex(queryMethods)
  const calls = methodIndex(callMethods)

  const admitCommand = (event: VerifiedEvent, origin: Origin): Admission | Rejection => {
    const refusal = rationRefusal(event, origin)
    if (refusal !== null) return refusal
    const command = decode(event, commands, signer)
    if (isRejection(command)) return command
    if (!isInWindow(event.created_at, command.envelope.executeBy, now())) return outOfWindow
    if (!rations.commandsPerKey(event.pubkey)) return tooManyOfKey
    if (!rations.refusalsPerKey(event.pubkey, 0) || !rations.refusalsPerIp(networkOf(origin.ip), 0)) {
      return reject('RATE_LIMITED', 'too many of your commands were refused today, try again later')
    }
    if (isFull(environment, reader.has(tables.accounts, [event.pubkey]))) {
      return reject('RATE_LIMITED', 'too many commands were refused lately, try again later')
    }
    if (currentSettings(environment).suspended.includes(event.pubkey)) return suspended
    if (room() === 'facts') return shortOfDisk
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

  const admitQuery = (event: VerifiedEvent, origin: Origin): Admission | Rejection => {
    const refusal = rationRefusal(event, origin)
    if (refusal !== null) return refusal
    if (calls.has(tagValue(event, 'method') ?? '')) return admitCall(event, origin)
    const query = decode(event, queries, signer)
    if (isRejection(query)) return query
    if (!isInWindow(event.created_at, query.envelope.executeBy, now())) return outOfWindow
    if (!rations.commandsPerKey(event.pubkey)) return tooManyOfKey
    const settings = currentSettings(environment)
    if (settings.suspended.includes(event.pubkey)) return suspended
    return { kind: 'answer', deliver: [answerQuery(reader, signer, query, { time: now(), settings }, counts?.query)] }
  }

  /** What a call writes is taken from its sender's share of the disk. It cannot wait: what is kept is to be erasable soon. */
  const admitCall = (event: VerifiedEvent, origin: Origin): Admission | Rejection => {
    const call = decode(event, calls, signer)
    if (isRejection(call)) return call
    if (!isInWindow(event.created_at, null, now())) return outOfWindow
    if (!rations.commandsPerKey(event.pubkey)) return tooManyOfKey
    const settings = currentSettings(environment)
    if (settings.suspended.includes(event.pubkey)) return suspended
    if (room() === 'facts') return shortOfDisk
    if (!hasRoomFor(event, origin)) return reject('RATE_LIMITED', 'too much was stored for you, come back later')
    const at = { time: now(), settings }
    return { kind: 'apply', apply: () => performCall({ reader, signer, secrets }, call, at, counts?.query) }
  }

  /**
   * Too many from this address, or decryption used up: known before the expensive part. A key's own ration comes later:
   * what is malformed or out of its window may be sent again by anybody who has seen it.
   */
  const rationRefusal = (event: NostrEvent, origin: Origin): Rejection | null => {
    const ip = networkOf(origin.ip)
    // The bridge counts what comes from another relay itself, and has it wait instead.
    const isCounted = origin.source !== 'bridge'
    if (isCounted && !rations.commandsPerIp(ip)) return reject('RATE_LIMITED', 'too many commands from this address')
    const envelope = parseEnvelope(event)
    if (isRejection(envelope)) return null
    if (!envelope.encrypted || signer.isAcquainted(event.pubkey)) return null
    if (rations.decryptionsPerConnection(origin) && rations.decryptionsPerIp(ip) && rations.decryptionsInTotal('')) {
      return null
    }
    return reject('RATE_LIMITED', 'too many first encrypted messages now, try again later')
  }

  const counted = (type: 'command' | 'query', admission: Admission | Rejection): Admission => {
    if (!isRejection(admission)) return admission
    counts?.refusal(type, admission.code)
    return deny(toOkMessage(admission))
  }

  /** Takes what is stored for a key and an address from their rations. */
  const hasRoomFor = (event: NostrEvent, origin: Origin): boolean => {
    const bytes = sizeOf(event)
    return rations.storedBytesPerKey(event.pubkey, bytes) && rations.storedBytesPerIp(networkOf(origin.ip), bytes)
  }

  const hasAccount = (pubkey: string) => reader.has(tables.accounts, [pubkey])

  return {
    restrictedKinds,
    openKinds,
    isMember: hasAccount,
    isKnown: hasAccount,
    isProtected: isProtectedBy(signer.publicKey),
    known: ({ id, kind }) => {
      if (kind !== kinds.command) return undefined
      if (!reader.has(tables.outcomes, [id]) && !reader.has(tables.refusals, [id])) return undefined
      return { accepted: true, message: 'duplicate: this command was handled before' }
    },
    admit: (event, origin) => {
      if (origin.source === 'import' || origin.source === 'sync') {
        return admitImported(event, signer.publicKey, room())
      }
      if (event.pubkey === signer.publicKey) return deny('blocked: events of the service come from the service itself')
      const type = typeOf(event.kind)
      // What is meant for another service, whose mirror we may be, is to us as any event.
      if (type !== null && !isForAnother(event, signer.publicKey)) {
        return counted(type, type === 'command' ? admitCommand(event, origin) : admitQuery(event, origin))
      }
      if (room() !== 'events') return deny('error: the relay is short of disk space, try again later')
      const message = unwelcome(event, policy, reader, signer.publicKey)
      // Whoever sends it here by mistake is helped more by this.
      if (message !== null) return type === null ? deny(message) : counted(type, namesAnother)
      return {
        kind: 'store',
        charge: () =>
          kindClass(event.kind) === 'ephemeral' || hasRoomFor(event, origin)
            ? null
            : 'rate-limited: too much was stored for you, come back later',
      }
    },
  }
}

const outOfWindow = reject('EXPIRED', 'created_at is too far from now, or execute-by has passed')
const tooManyOfKey = reject('RATE_LIMITED', 'too many commands of this key')
const shortOfDisk = reject('INTERNAL', 'the service is short of disk space, try again later')
const suspended = reject('SUSPENDED', 'this account is suspended')

function typeOf(kind: number): 'command' | 'query' | null {
  if (kind === kinds.command) return 'command'
  return kind === kinds.query ? 'query' : null
}

/** About how many bytes an event takes, without building its text. */
function sizeOf({ content, tags }: NostrEvent): number {
  let bytes = 400 + Buffer.byteLength(content)
  for (const tag of tags) for (const value of tag) bytes += value.length + 3
  return bytes
}

function deny(message: string): Admission {
  return { kind: 'refuse', message }
}
