import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { NostrEvent } from '../../relay/event.ts'
import { connectClient, postCommand } from './client.ts'
import { writeConfig } from './config.ts'
import { buildProgram, type Program, tamper } from './program.ts'
import { dataIn, type Server, startServer } from './server.ts'
import { createSignatory } from './signing.ts'
import { type Finding, findUnsynced, parseTrace } from './trace.ts'
import { until } from './until.ts'

const directory = mkdtempSync(join(tmpdir(), 'panda-fsync-'))
const programs: Program[] = []
const eventsOfEach = 8
/** Between two events, for what follows from the first. */
const quietMs = 30
/** Makes every sync call take long, as on a slow disk: what does not wait for it is seen not to. */
const slowSyncUs = 15_000

const traced = 'openat,fdatasync,fsync,msync,pwrite64,pwritev,pwritev2,write,writev,sendto,sendmsg,read,readv,recvfrom'
const strace = (file: string) => [
  ...['strace', '-D', '-f', '-y', '-ttt', '-T', '-s', '16000', '-e', `trace=${traced}`],
  ...['-e', `inject=fdatasync,fsync,msync:delay_enter=${slowSyncUs}`, '-o', file],
]

/** How many events of each sort are sent, and whether a payment follows. */
type Script = { events: number; payment: boolean }
type Change = Parameters<typeof tamper>[1]

/** Sends one thing after the other; gives the texts by which their acknowledgements are known on the wire. */
async function exercise(server: Server, { events, payment }: Script): Promise<string[]> {
  const [alice, bob] = [createSignatory(1), createSignatory(2)]
  const replies: NostrEvent[] = []
  const client = await connectClient({ server, signatory: alice, onReply: event => replies.push(event) })
  const command = (method: string, params: object) => alice.command(server.servicePublicKey, method, params)
  const expected: string[] = []
  const publish = async (event: NostrEvent) => {
    expect(await client.publish(event)).toEqual({ accepted: true, message: '' })
    expected.push(`\\"OK\\",\\"${event.id}\\",true`)
    await delay(quietMs)
  }
  await delay(quietMs)
  for (let count = 0; count < events; count++) {
    await publish(command('ticket.open', { subject: `number ${count}`, content: 'over the websocket' }))
    const createdAt = Math.floor(Date.now() / 1_000)
    await publish(alice.sign({ kind: 1, created_at: createdAt, tags: [], content: `note ${count}` }))
    await publish(command('identifier.register', { identifier: `closed${count}@closed.example` }))
    const posted = bob.command(server.servicePublicKey, 'ticket.open', { subject: `number ${count}`, content: 'HTTP' })
    const answer = await postCommand(server, posted, 1)
    expect(answer).not.toBe('refused')
    const [name, id] = typeof answer === 'object' ? ['id', answer.id] : ['commandId', posted.id]
    expected.push(`\\"${name}\\":\\"${id}\\"`)
    await delay(quietMs)
  }
  if (payment) {
    // An order whose result comes later, by a fact, and a payment, of which only notices tell.
    await publish(command('balance.topup', { amountMsat: 5_000 }))
    const bolt11 = await until('the result of the order', () => {
      const invoiced = replies.map(alice.read).find(({ status }) => status === 'payment-required')
      return (invoiced?.body as { invoice: { bolt11: string } } | undefined)?.invoice.bolt11
    })
    await server.pay(bolt11)
  }
  // Results of commands, refusals among them, and both notices of the payment.
  const replyCount = 2 * events + (payment ? 3 : 0)
  await until('every reply', () => (replies.length === replyCount ? true : undefined))
  client.close()
  return [...expected, ...replies.map(reply => `\\"id\\":\\"${reply.id}\\"`)]
}

/** Runs the service under strace and says of each acknowledgement whether it was late enough. */
async function trace(
  name: string,
  { changes = [], ...script }: Script & { changes?: readonly Change[] },
): Promise<Finding[]> {
  const program = await buildProgram()
  programs.push(program)
  for (const change of changes) tamper(program, change)
  const data = dataIn(join(directory, name))
  const file = join(directory, `${name}.trace`)
  const server = await startServer({ program, data, config: writeConfig(directory), wrapper: strace(file) })
  try {
    const acknowledgements = await exercise(server, script)
    expect((await server.stop()).exitCode).toBe(0)
    return findUnsynced(parseTrace(readFileSync(file, 'utf8')), join(data, 'data.mdb'), acknowledgements)
  } finally {
    await server.kill()
  }
}

afterAll(() => {
  for (const program of programs) program.remove()
  rmSync(directory, { recursive: true, force: true })
})

describe('an acknowledgement', () => {
  let findings: Finding[]
  beforeAll(async () => {
    findings = await trace('right', { events: eventsOfEach, payment: true })
  })

  it('leaves only when what it acknowledges is on disk', () => {
    expect(findings).toHaveLength(6 * eventsOfEach + 4)
    expect(findings.filter(({ fault }) => fault !== null)).toEqual([])
  })
})

describe('the same test', () => {
  it.each<{ what: string; changes: Change[] }>([
    {
      what: 'answers before the disk has it',
      changes: [
        { file: 'relay/store/pending-writes.js', from: 'await written', to: 'void written' },
        { file: 'relay/store/pending-writes.js', from: 'await flushed', to: 'void flushed' },
        // It would find out by itself that what counts as written cannot be read.
        { file: 'relay/store/commits.js', from: 'isAnyLost: () => {', to: 'isAnyLost: () => { return false' },
      ],
    },
    {
      what: 'leaves the disk to the system',
      changes: [
        {
          file: 'src/store/environment.js',
          from: 'noSync: options.scratch ?? false',
          to: 'noSync: true, overlappingSync: false',
        },
      ],
    },
  ])('finds out a service that $what', async ({ what, changes }) => {
    const findings = await trace(what.replaceAll(' ', '-'), { events: 2, payment: false, changes })
    const late = findings.filter(({ fault }) => fault !== null)
    expect(late.length).toBeGreaterThan(findings.length / 2)
  })
})
