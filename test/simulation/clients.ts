import type { NostrEvent } from '../../relay/event.ts'
import { kinds } from '../../src/protocol/kinds.ts'
import type { Signer } from '../../src/protocol/signer.ts'
import type { Random } from '../system/random.ts'
import { type Address, customerAddress } from './addresses.ts'
import type { Faults } from './faults.ts'
import type { Answer } from './machine.ts'
import type { MakeSigner } from './stand-in-signer.ts'
import { outsideWorld, type Timeline } from './timeline.ts'

const resendMs = 15_000
/** After so long a command cannot run any more. */
const giveUpMs = 900_000
const callTries = 8

/** A customer, operator or squatter with a key, and the address they come from. */
export type Person = Address & {
  readonly signer: Signer
  readonly publicKey: string
  /** Whether they ever pay an invoice. */
  readonly pays: boolean
}

/** An invoice as its customer was told of it. */
export type KnownInvoice = {
  readonly id: string
  readonly orderId: string
  readonly person: Person
  readonly bolt11: string
  readonly paymentHash: string
  readonly amountMsat: number
  readonly expiresAt: number
}

/** A command on its way. */
export type Sent = {
  readonly event: NostrEvent
  readonly person: Person
  readonly method: string
  readonly params: object
  acknowledgedAtMs: number | null
  result: string | null
}

/** People with keys who send commands, again and again until they are acknowledged, and read what comes back. */
export type Clients = ReturnType<typeof createClients>

/** Makes the clients; `deliver` hands an event to the service, if it runs. */
export function createClients(options: {
  makeSigner: MakeSigner
  service: Signer
  timeline: Timeline
  random: Random
  faults: Faults
  deliver(event: NostrEvent, ip: string, answer: Answer): void
  /** A command was acknowledged for the first time. */
  acknowledged(commandId: string): void
}) {
  const { makeSigner, service, timeline, random, faults, deliver, acknowledged } = options
  const people = new Map<number, Person>()
  const byKey = new Map<string, Person>()
  const sent = new Map<string, Sent>()
  const seen = new Set<string>()
  const invoices: KnownInvoice[] = []
  const codes: string[] = []
  const handles: { person: Person; handle: string }[] = []
  let salt = 0

  const person = (number: number, { ip, network, pays } = { ...customerAddress(number), pays: true }): Person => {
    const known = people.get(number)
    if (known !== undefined) return known
    const secretKey = Buffer.alloc(32, 1)
    secretKey.writeUInt32BE(number, 28)
    const signer = makeSigner(secretKey)
    const made = { signer, publicKey: signer.publicKey, ip, network, pays }
    people.set(number, made)
    byKey.set(made.publicKey, made)
    return made
  }

  /** What is refused at the door has no result; what the service could not do now is sent again. */
  const refused = ({ event, result }: Sent, message: string) => {
    if (result === null && !message.startsWith('error:')) sent.delete(event.id)
  }

  const transmit = (command: Sent, sinceMs: number): void => {
    const { event, person: by } = command
    const isLost = faults.losesMessage()
    if (!isLost) {
      timeline.after(random.whole(200), outsideWorld, () =>
        deliver(event, by.ip, (accepted, message) => {
          if (faults.losesMessage()) return
          if (command.acknowledgedAtMs !== null) return
          if (!accepted) {
            refused(command, message)
            return
          }
          command.acknowledgedAtMs = timeline.nowMs()
          acknowledged(event.id)
        }),
      )
    }
    timeline.after(resendMs, outsideWorld, () => {
      if (command.acknowledgedAtMs !== null || !sent.has(event.id)) return
      if (timeline.nowMs() - sinceMs < giveUpMs) transmit(command, sinceMs)
      else sent.delete(event.id)
    })
  }

  const sign = (by: Person, kind: number, method: string, params: object): NostrEvent => {
    const sealing = { commandId: String(salt), kind, recipient: service.publicKey, index: 0 }
    const tags = [
      ['p', service.publicKey],
      ['method', method],
      ['encryption', 'nip44_v2'],
      ['salt', String(salt++)],
    ]
    const content = by.signer.seal(JSON.stringify(params), sealing) ?? ''
    return by.signer.sign({ kind, created_at: timeline.now(), tags, content })
  }

  /** What is answered at once, or not at all: it is asked again for as long as it may be. */
  const ask = (by: Person, event: NostrEvent, triesLeft = callTries): void => {
    let isAnswered = false
    timeline.after(random.whole(200), outsideWorld, () =>
      deliver(event, by.ip, (accepted, message, delivered) => {
        if (faults.losesMessage()) return
        isAnswered = accepted || !message.startsWith('error:')
        for (const answer of delivered) hear(by, answer)
      }),
    )
    timeline.after(resendMs, outsideWorld, () => {
      if (!isAnswered && triesLeft > 1) ask(by, event, triesLeft - 1)
    })
  }

  const hear = (by: Person, { content }: NostrEvent): void => {
    const { handle } = JSON.parse(by.signer.open(content, service.publicKey) ?? '{}') as { handle?: string }
    if (handle !== undefined && !handles.some(one => one.handle === handle)) handles.push({ person: by, handle })
  }

  return {
    person,
    /** Of those who may pay. */
    invoices,
    codes,
    /** Of the secrets that are kept for people, erased ones too. */
    handles,
    sent,
    personOf: (publicKey: string) => byKey.get(publicKey),

    /** Signs a call and sends it until it is answered. */
    call: (by: Person, method: string, params: object): void => ask(by, sign(by, kinds.query, method, params)),

    /** Signs a command and sends it until it is acknowledged; gives its id. */
    send: (by: Person, method: string, params: object): string => {
      const event = sign(by, kinds.command, method, params)
      const command: Sent = { event, person: by, method, params, acknowledgedAtMs: null, result: null }
      sent.set(event.id, command)
      transmit(command, timeline.nowMs())
      return event.id
    },

    /** Sends again what was sent before, as clients do that have missed the answer. */
    resend: (commandId: string): void => {
      const command = sent.get(commandId)
      if (command !== undefined) deliver(command.event, command.person.ip, () => undefined)
    },

    /** Reads an event of the service; says what is wrong with it, if anything. */
    read: (event: NostrEvent): string | null => {
      if (seen.has(event.id)) return null
      seen.add(event.id)
      const tag = (name: string) => event.tags.find(one => one[0] === name)?.[1] ?? ''
      const reader = byKey.get(tag('p'))
      if (event.kind !== kinds.result || reader === undefined) return null
      const command = sent.get(tag('e'))
      if (command === undefined) return null
      if (command.result !== null) return `command ${tag('e')} (${tag('method')}) has two results`
      command.result = tag('status')
      const text = reader.signer.open(event.content, service.publicKey)
      if (text === null) return `the result of ${tag('e')} cannot be decrypted`
      const body = JSON.parse(text) as { code?: string; invoice?: Omit<KnownInvoice, 'person'> }
      if (body.code !== undefined && tag('method') === 'referral.create') codes.push(body.code)
      if (reader.pays && tag('status') === 'payment-required' && body.invoice !== undefined) {
        invoices.push({ ...body.invoice, person: reader })
      }
      return null
    },
  }
}
