import { networkOf } from '../../relay/connection-counter.ts'
import type { NostrEvent, VerifiedEvent } from '../../relay/event.ts'
import type { Admission, Host, Origin } from '../../relay/host.ts'
import { isInWindow, parseEnvelope } from '../protocol/command.ts'
import { kinds, restrictedKinds } from '../protocol/kinds.ts'
import type { Signer } from '../protocol/signer.ts'
import { isRejection, type Rejection, reject, toOkMessage } from '../rejections.ts'
import type { Room } from '../store/disk.ts'
import type { Environment } from '../store/environment.ts'
import { tables } from '../store/tables.ts'
import type { Applier } from './apply.ts'
import { commandMethods, queryMethods } from './catalog.ts'
import { currentSettings } from './current-settings.ts'
import { decode, methodIndex } from './decode.ts'
import { answerQuery } from './query.ts'
import type { Ration } from './ration.ts'
import { isFull } from './refusals.ts'
import { unwelcome, type WelcomePolicy } from './welcome.ts'

/** How much of the service a stranger may use. */
export type Rations = {
  readonly commandsPerKey: Ration
  readonly commandsPerIp: Ration
  /** Orders to be paid by invoice; each may hold a name for nothing. */
  readonly unpaidOrdersPerIp: Ration
  /** First decryptions for a key, which cost an ECDH each. */
  readonly decryptionsPerIp: Ration
  readonly decryptionsInTotal: Ration
}

/** Makes the host through which the relay hands us events: commands and queries are ours, the rest is up to the policy. */
export function createHost(options: {
  environment: Environment
  signer: Signer
  applier: Applier
  rations: Rations
  policy: WelcomePolicy
  now(): number
  room(): Room
}): Host {
  const { environment, signer, applier, rations, policy, now, room } = options
  const { reader } = environment
  const commands = methodIndex(commandMethods)
  const queries = methodIndex(queryMethods)

  const admitCommand = (event: VerifiedEvent, origin: Origin): Admission => {
    const refusal = rationRefusal(event, origin)
    if (refusal !== null) return refused(refusal)
    const command = decode(event, commands, signer)
    if (isRejection(command)) return refused(command)
    const { envelope, mayHoldUnpaid } = command
    if (!isInWindow(event.created_at, envelope.executeBy, now())) return refused(outOfWindow)
    if (mayHoldUnpaid && !rations.unpaidOrdersPerIp(networkOf(origin.ip))) {
      return refused(
        reject('RATE_LIMITED', 'too many orders by invoice from this address lately: wait, or pay from the balance'),
      )
    }
    if (isFull(environment) && !reader.has(tables.accounts, [event.pubkey])) {
      return refused(reject('RATE_LIMITED', 'the service takes no commands of new keys now, try again later'))
    }
    if (currentSettings(environment).suspended.includes(event.pubkey)) return refused(suspended)
    if (room() === 'facts') return refused(reject('INTERNAL', 'the service is short of disk space, try again later'))
    return { kind: 'apply', apply: () => applier.command(command) }
  }

  const admitQuery = (event: VerifiedEvent, origin: Origin): Admission => {
    const refusal = rationRefusal(event, origin)
    if (refusal !== null) return refused(refusal)
    const query = decode(event, queries, signer)
    if (isRejection(query)) return refused(query)
    if (!isInWindow(event.created_at, query.envelope.executeBy, now())) return refused(outOfWindow)
    const settings = currentSettings(environment)
    if (settings.suspended.includes(event.pubkey)) return refused(suspended)
    return { kind: 'answer', deliver: [answerQuery(reader, signer, query, { time: now(), settings })] }
  }

  /** Too many from this key or address, or decryption used up: known before the expensive part. */
  const rationRefusal = (event: NostrEvent, origin: Origin): Rejection | null => {
    const ip = networkOf(origin.ip)
    if (!rations.commandsPerKey(event.pubkey)) return reject('RATE_LIMITED', 'too many commands of this key')
    if (!rations.commandsPerIp(ip)) return reject('RATE_LIMITED', 'too many commands from this address')
    const envelope = parseEnvelope(event)
    if (isRejection(envelope) || !envelope.encrypted || signer.isAcquainted(event.pubkey)) return null
    if (rations.decryptionsPerIp(ip) && rations.decryptionsInTotal('')) return null
    return reject('RATE_LIMITED', 'too many first encrypted messages now, try again later')
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
      return message === null ? { kind: 'store' } : deny(message)
    },
  }
}

const outOfWindow = reject('EXPIRED', 'created_at is too far from now, or execute-by has passed')
const suspended = reject('SUSPENDED', 'this account is suspended')

function refused(rejection: Rejection): Admission {
  return deny(toOkMessage(rejection))
}

function deny(message: string): Admission {
  return { kind: 'refuse', message }
}
