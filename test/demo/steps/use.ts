import { deepEqual, equal, notEqual } from 'node:assert/strict'
import { newKey } from '../../end-to-end/envelope.ts'
import { mirrorName, tagsOf } from '../mirror.ts'
import { lookUp, post, restart, run, type Stage } from '../stage.ts'
import type { Step } from '../timeline.ts'

const identifier = 'alice@localhost'
const question = 'Which of my keys do Nostr clients see?'
const reply = 'The one in the NOSTR record, if there is one.'

/** Alice sets records and gets help; then all of it outlives a restart. */
export function useSteps(stage: Stage): Step[] {
  const phone = newKey().publicKey
  const records = [
    { type: 'URL', value: 'https://alice.example/', priority: 0, ttlSeconds: 3_600 },
    { type: 'TXT', value: 'hello from Alice', priority: 0, ttlSeconds: 3_600 },
    { type: 'NOSTR', value: phone, priority: 0, ttlSeconds: 3_600 },
  ]
  const recordTags = records.map(({ type, value, priority, ttlSeconds }) => [
    type,
    value,
    `${priority}`,
    `${ttlSeconds}`,
  ])
  let firstCreatedAt = 0
  let ticketId = ''

  const readTicket = async (): Promise<{ author: string; content: string }[]> => {
    const { body } = await stage.alice.ask(22_410, 'ticket.get', { ticketId })
    return (body.messages as { author: string; content: string }[]).map(({ author, content }) => ({ author, content }))
  }
  const conversation = () => [
    { author: stage.alice.key.publicKey, content: question },
    { author: stage.operator.publicKey, content: reply },
  ]

  return [
    {
      name: 'identifier.set_records: URL, TXT, NOSTR',
      run: async () => {
        firstCreatedAt = (await mirrorName(stage, identifier)).created_at
        const { status, body } = await stage.alice.ask(2410, 'identifier.set_records', { identifier, records })
        equal(status, 'ok')
        deepEqual((body.identifier as { records: object[] }).records, records)
        return `version ${(body.identifier as { version: number }).version}`
      },
    },
    {
      name: 'the name event carries them, and nostr.json the key of the NOSTR record',
      run: async () => {
        const event = await mirrorName(stage, identifier)
        deepEqual(tagsOf(event, 'record'), recordTags)
        equal(event.created_at > firstCreatedAt, true, 'the event is newer than the one before')
        equal((await lookUp(stage, 'alice')).key, phone)
        return `${recordTags.length} records, ${phone.slice(0, 16)}…`
      },
    },
    {
      name: 'ticket.open, encrypted',
      run: async () => {
        const { status, body } = await stage.alice.ask(2410, 'ticket.open', { subject: 'Keys', content: question })
        equal(status, 'ok')
        const ticket = body.ticket as { id: string; number: number }
        ticketId = ticket.id
        return `ticket ${ticket.number}`
      },
    },
    {
      name: 'the operator finds it with ticket.list and replies, over HTTP',
      run: async () => {
        const { body } = await post(stage, 22_410, stage.operator, 'ticket.list', { status: 'open' })
        const [ticket, ...others] = body.tickets as { id: string; account: string; subject: string }[]
        deepEqual([ticket?.id, ticket?.account, others.length], [ticketId, stage.alice.key.publicKey, 0])
        const { status } = await post(stage, 2410, stage.operator, 'ticket.reply', { ticketId, content: reply })
        equal(status, 'ok')
        return `"${ticket?.subject}" answered`
      },
    },
    {
      name: 'Alice hears of it and reads the reply with ticket.get',
      run: async () => {
        const { body } = await stage.alice.notice('ticket.replied')
        equal(body.ticketId, ticketId)
        deepEqual(await readTicket(), conversation())
        return `"${reply}"`
      },
    },
    {
      name: 'the service is stopped (SIGTERM) and started again',
      run: async () => {
        const before = stage.panda
        equal(await restart(stage), 0, 'it ends with exit code 0')
        notEqual(stage.panda, before)
        equal(stage.panda.servicePublicKey, before.servicePublicKey)
        return `same key, same address ${stage.panda.httpUrl}`
      },
    },
    {
      name: 'everything is still there',
      run: async () => {
        deepEqual(tagsOf(await mirrorName(stage, identifier), 'record'), recordTags)
        equal((await lookUp(stage, 'alice')).key, phone)
        const { body } = await stage.alice.ask(22_410, 'identifier.list', {})
        const names = (body.identifiers as { identifier: string }[]).map(one => one.identifier)
        deepEqual(names, [identifier])
        deepEqual(await readTicket(), conversation())
        return 'name, records, identity, ticket'
      },
    },
    {
      name: 'panda verify rebuilds every table from the log',
      run: async () => {
        const { exitCode, out, err } = await run(stage, 'verify')
        equal(exitCode, 0, `panda verify failed: ${out}${err}`)
        return out.trim()
      },
    },
  ]
}
