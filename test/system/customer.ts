import { z } from 'zod'
import type { NostrEvent } from '../../relay/event.ts'
import { ControlError } from '../../src/cli/control-socket.ts'
import type { Sent } from './books.ts'
import { type Client, connectClient, postCommand } from './client.ts'
import { domains } from './config.ts'
import type { Random } from './random.ts'
import type { Server } from './server.ts'
import { createSignatory } from './signing.ts'

/** A customer who buys, pays, changes and asks without end, and remembers what it was told. */
export type Customer = {
  /** Goes on until the service is gone or the signal aborts. */
  run(server: Server, signal: AbortSignal): Promise<void>
  sent(): readonly Sent[]
  /** Payment hashes of what it was told is paid. */
  paid(): ReadonlySet<string>
  /** What it was refused at admission, which nothing here should be. */
  refused(): readonly string[]
}

const reply = z.looseObject({
  order: z.looseObject({ status: z.string(), items: z.array(z.looseObject({ params: z.unknown() })) }).optional(),
  invoice: z
    .looseObject({ id: z.string(), bolt11: z.string().nullable(), amountMsat: z.int(), paymentHash: z.string() })
    .optional(),
  ticket: z.looseObject({ id: z.string() }).optional(),
})
const namedParams = z.looseObject({ identifier: z.string() })

type Invoice = {
  readonly id: string
  readonly bolt11: string
  readonly amountMsat: number
  readonly paymentHash: string
}

/** So few names that customers want the same ones, and so many that there is always one left. */
const nameCount = 400
const mostAtOnce = 4

/** Makes a customer. Its key follows from `number`, what it does from `random`. */
export function createCustomer({ number, random }: { number: number; random: Random }): Customer {
  const signatory = createSignatory(number)
  const sent = new Map<string, { event: NostrEvent; accepted: boolean; resultId: string | null }>()
  const unpaid: Invoice[] = []
  const names: string[] = []
  const tickets: string[] = []
  const paid = new Set<string>()
  const refused: string[] = []
  const seen = new Set<string>()

  const onReply = (event: NostrEvent) => {
    if (seen.has(event.id)) return
    seen.add(event.id)
    const { status, body } = signatory.read(event)
    const { order, invoice, ticket } = reply.parse(body)
    if (status === 'payment-required' && invoice?.bolt11) unpaid.push({ ...invoice, bolt11: invoice.bolt11 })
    if (ticket !== undefined) tickets.push(ticket.id)
    if (order?.status !== 'fulfilled') return
    for (const { params } of order.items) {
      const named = namedParams.safeParse(params)
      if (named.success) names.push(named.data.identifier)
    }
  }

  const oneOf = <Value>(values: readonly Value[]): Value | undefined => values[random.whole(values.length)]
  const text = () => `${random.whole(1_000_000)} `.repeat(1 + random.whole(20))

  const nextCommand = (service: string): NostrEvent => {
    const command = (method: string, params: object) => signatory.command(service, method, params)
    const [name, ticketId] = [oneOf(names), oneOf(tickets)]
    switch (random.whole(6)) {
      case 0:
        return command('balance.topup', { amountMsat: 1_000 * (1 + random.whole(5_000)) })
      case 1:
        if (name === undefined) break
        return command('identifier.set_records', { identifier: name, records: [{ type: 'TXT', value: text() }] })
      case 2:
        return command('ticket.open', { subject: 'a question', content: text() })
      case 3:
        if (ticketId === undefined) break
        return command('ticket.reply', { ticketId, content: text() })
      default:
    }
    const identifier = `n${random.whole(nameCount)}@${random.pick(domains)}`
    return command('identifier.register', { identifier, pay: random.pick(['invoice', 'balance']) })
  }

  /** Something new, or now and then something sent before: who got no answer sends again. */
  const nextToSend = (service: string): NostrEvent => {
    const old = random.chance(0.1) ? oneOf([...sent.values()]) : undefined
    const lost = random.chance(0.5) ? [...sent.values()].find(({ accepted }) => !accepted) : undefined
    const event = (lost ?? old)?.event ?? nextCommand(service)
    if (!sent.has(event.id)) sent.set(event.id, { event, accepted: false, resultId: null })
    return event
  }

  const send = async (server: Server, client: Client): Promise<void> => {
    const event = nextToSend(server.servicePublicKey)
    const entry = sent.get(event.id)
    if (entry === undefined) throw new Error('what is sent is remembered first')
    if (random.chance(0.6)) {
      const { accepted, message } = await client.publish(event)
      if (accepted) entry.accepted = true
      else refused.push(message)
      return
    }
    const answer = await postCommand(server, event, random.pick([0, 1]))
    if (answer === 'refused') {
      refused.push('over HTTP')
      return
    }
    entry.accepted = true
    if (answer !== 'pending') entry.resultId = answer.id
  }

  /** Pays what is due: as asked, too little, too much, or twice, which is from the balance and by Lightning. */
  const pay = async (server: Server, client: Client): Promise<void> => {
    const invoice = unpaid.splice(random.whole(unpaid.length), 1)[0]
    if (invoice === undefined || random.chance(0.1)) return
    const { id, bolt11, amountMsat, paymentHash } = invoice
    if (random.chance(0.15)) {
      const event = signatory.command(server.servicePublicKey, 'invoice.pay', { from: 'balance', invoiceId: id })
      const entry = { event, accepted: false, resultId: null }
      sent.set(event.id, entry)
      entry.accepted = (await client.publish(event)).accepted
      if (random.chance(0.5)) return
    }
    const factor = random.pick([1, 1, 1, 1, 1, 1, 0.5, 2])
    try {
      await server.pay(bolt11, factor === 1 ? {} : { receivedMsat: Math.ceil(amountMsat * factor) })
      paid.add(paymentHash)
    } catch (error) {
      // What is paid otherwise, or has expired, the service takes no payment for where it can say so.
      if (!(error instanceof ControlError && error.message === 'this invoice was cancelled')) throw error
    }
  }

  return {
    run: async (server, signal) => {
      let client: Client | undefined
      try {
        client = await connectClient({ server, signatory, onReply })
        while (!signal.aborted) {
          const steps = Array.from({ length: 1 + random.whole(mostAtOnce) }, () => (random.chance(0.4) ? pay : send))
          const connected = client
          const outcomes = await Promise.allSettled(steps.map(step => step(server, connected)))
          const failure = outcomes.find(outcome => outcome.status === 'rejected')
          if (failure !== undefined) throw failure.reason
        }
      } catch (error) {
        // A service that was killed is what this is about; one that runs and fails its customers is not.
        if (!signal.aborted) throw error
      } finally {
        client?.close()
      }
    },
    sent: () => [...sent.values()].map(({ event, accepted, resultId }) => ({ id: event.id, accepted, resultId })),
    paid: () => paid,
    refused: () => refused,
  }
}
