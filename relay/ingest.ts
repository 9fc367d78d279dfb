import { authKind } from './auth.ts'
import { encodeEvent, kindClass, type NostrEvent, type VerifiedEvent } from './event.ts'
import type { Admission, Applied, Host, Origin } from './host.ts'
import type { Limits } from './limits.ts'
import { type Prepared, prepare } from './prepared.ts'
import { protectionFault } from './protected.ts'
import { expirationOf } from './record.ts'
import type { Secp256k1 } from './secp256k1.ts'
import type { EventStore, Stored } from './store.ts'
import type { Subscriptions } from './subscriptions.ts'
import { hasRightId, parseEvent, verifySignature } from './verify.ts'
import type { Outcome, Writer } from './writer.ts'

/** What came of an event: the OK's two fields, and what was delivered in answer to it. */
export type Submitted = {
  readonly accepted: boolean
  readonly message: string
  readonly delivered: readonly NostrEvent[]
}

/** The way of an event from the wire to disk and to subscribers. */
export type Ingester = {
  submit(event: unknown, origin: Origin, done: (outcome: Submitted) => void): void
  applyLocally(apply: () => Applied, done: (outcome: Outcome<Applied>) => void): void
}

type Done = (outcome: Submitted) => void
type Written = { readonly applied: Applied; readonly stored: readonly { event: NostrEvent; seq: number }[] }

const tooBusy = 'rate-limited: the relay is too busy now, try again later'
const storageFault = 'error: the relay could not store this now, try again later'

/** Makes the ingester. Each stage is cheaper than the next: shape, id, duplicates, signature, host, disk. */
export function createIngester(options: {
  store: EventStore
  subscriptions: Subscriptions
  writer: Writer
  secp: Secp256k1
  host: Host
  limits: Limits
  now(): number
  onError(error: unknown): void
}): Ingester {
  const { store, subscriptions, writer, secp, host, limits, now, onError } = options
  /** Events under way, with all who wait for their OK: a duplicate is answered when the first is durable. */
  const inFlight = new Map<string, Done[]>()
  let pendingBytes = 0

  const submit: Ingester['submit'] = (value, origin, done) => {
    const parsed = parseEvent(value, limits)
    if (!parsed.ok) return done(refusal(`invalid: ${parsed.reason}`))
    const { event } = parsed
    if (!hasRightId(event)) return done(refusal('invalid: the id is not the hash of this event'))
    const known = knownOutcome(event.id, done)
    if (known !== undefined) return known === 'waits' ? undefined : done(known)
    const verified = verifySignature(event, secp)
    if (verified === null) return done(refusal('invalid: the signature is not of this author'))
    if (event.kind === authKind) return done(refusal('invalid: authentication goes in AUTH, not in EVENT'))
    dispatch(verified, origin, done)
  }

  const knownOutcome = (id: string, done: Done): Submitted | 'waits' | undefined => {
    // What a broken disk holds is not known, and a duplicate of it would be acknowledged without being durable.
    if (writer.isBroken()) return refusal(storageFault)
    const waiting = inFlight.get(id)
    if (waiting !== undefined) {
      waiting.push(({ accepted, message }) => {
        done({ accepted, message: accepted && message === '' ? duplicate : message, delivered: [] })
      })
      return 'waits'
    }
    if (store.has(id)) return { accepted: true, message: duplicate, delivered: [] }
    const dealtWith = host.known(id)
    return dealtWith === undefined ? undefined : { ...dealtWith, delivered: [] }
  }

  const dispatch = (event: VerifiedEvent, origin: Origin, done: Done) => {
    const admission = admit(event, origin)
    switch (admission.kind) {
      case 'refuse':
        return done(refusal(admission.message))
      case 'answer':
        for (const answer of admission.deliver) publish(answer)
        return done({ accepted: true, message: '', delivered: admission.deliver })
      case 'apply':
        return write(event.id, () => putAll(admission.apply()), 'first', done)
      case 'store': {
        const fault = ordinaryFault(event, origin)
        if (fault !== null) return done(refusal(fault))
        if (kindClass(event.kind) === 'ephemeral') {
          publish(event)
          return done({ accepted: true, message: '', delivered: [] })
        }
        const prepared = prepare(event)
        const bytes = prepared.record.length
        if (pendingBytes + bytes > limits.maxPendingBytes) return done(refusal(tooBusy))
        pendingBytes += bytes
        return write(
          event.id,
          () => storeOrdinary(prepared),
          'events',
          outcome => {
            pendingBytes -= bytes
            done(outcome)
          },
        )
      }
      default: {
        const unknown: never = admission
        throw new Error(`no such admission ${JSON.stringify(unknown)}`)
      }
    }
  }

  /** The host's word; a fault of the host is answered, so that nobody waits for an OK. */
  const admit = (event: VerifiedEvent, origin: Origin): Admission => {
    try {
      return host.admit(event, origin)
    } catch (error) {
      onError(error)
      return { kind: 'refuse', message: 'error: the relay failed at this event' }
    }
  }

  /** What the NIPs ask of an event that the application has no say in. */
  const ordinaryFault = (event: NostrEvent, origin: Origin): string | null => {
    const time = now()
    const expiration = expirationOf(event)
    if (expiration > 0 && expiration <= time) return 'invalid: this event has expired'
    if (event.created_at > time + limits.createdAtAheadSeconds) return 'invalid: created_at is too far in the future'
    const isEphemeral = kindClass(event.kind) === 'ephemeral'
    const behindSeconds = isEphemeral ? limits.ephemeralBehindSeconds : limits.createdAtBehindSeconds
    if (event.created_at < time - behindSeconds) return 'invalid: created_at is too long ago'
    return protectionFault(event, origin.authenticated)
  }

  const storeOrdinary = (prepared: Prepared): Written => {
    const { event } = prepared
    const put = store.putPrepared(prepared)
    if (put.status === 'stored' && event.kind === 5) store.applyDeletion(event, host.isProtected)
    const accepted = put.status === 'stored' || put.status === 'duplicate'
    const applied: Applied = { accepted, message: messages[put.status], store: [], deliver: [] }
    return { applied, stored: put.status === 'stored' ? [{ event, seq: put.seq }] : [] }
  }

  const write = (id: string, run: () => Written, lane: 'first' | 'events', done: Done) => {
    inFlight.set(id, [done])
    const answer = (outcome: Submitted) => {
      const waiting = inFlight.get(id) ?? []
      inFlight.delete(id)
      for (const tell of waiting) tell(outcome)
    }
    writer.submit<Written>({
      lane,
      run,
      done: outcome => {
        if (!outcome.ok) {
          onError(outcome.error)
          return answer(refusal(storageFault))
        }
        const { accepted, message } = outcome.value.applied
        try {
          finish(outcome.value)
        } finally {
          // A fault after durability changes nothing about the event, and others may wait for its OK.
          answer({ accepted, message, delivered: [] })
        }
      },
    })
  }

  const putAll = (applied: Applied): Written => {
    const stored: { event: NostrEvent; seq: number }[] = []
    const putEach = (events: readonly NostrEvent[], kept: boolean) => {
      for (const event of events) {
        const put = store.put(event, kept)
        if (put.status === 'stored') stored.push({ event, seq: put.seq })
      }
    }
    putEach(applied.store, true)
    putEach(applied.storeUntilExpired ?? [], false)
    return { applied, stored }
  }

  /** After durability: subscribers first hear of what is stored, then of what is not kept. */
  const finish = ({ applied, stored }: Written) => {
    for (const { event, seq } of stored) {
      store.markDelivered(seq)
      publish(event)
    }
    for (const event of applied.deliver) publish(event)
    applied.committed?.()
  }

  const publish = (event: NostrEvent) => {
    let json: Buffer | undefined
    subscriptions.publish(event, () => {
      json ??= Buffer.from(encodeEvent(event))
      return json
    })
  }

  return {
    submit,
    applyLocally: (apply, done) => {
      writer.submit<Written>({
        lane: 'first',
        run: () => putAll(apply()),
        done: outcome => {
          if (!outcome.ok) return done(outcome)
          finish(outcome.value)
          done({ ok: true, value: outcome.value.applied })
        },
      })
    },
  }
}

const duplicate = 'duplicate: this event is here already'
const messages = {
  stored: '',
  duplicate,
  superseded: 'invalid: there is a newer version of this event',
  deleted: 'blocked: the author has deleted this event',
} as const satisfies Record<Stored['status'], string>

function refusal(message: string): Submitted {
  return { accepted: false, message, delivered: [] }
}
