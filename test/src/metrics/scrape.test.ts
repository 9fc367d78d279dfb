import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Client, connect } from '../../end-to-end/client.ts'
import { command, newKey, query, sign } from '../../end-to-end/envelope.ts'
import { type Family, numberOf, parseExposition } from '../../relay/metrics/parse-exposition.ts'
import { type RunningService, runService } from './running-service.ts'

let service: RunningService
let client: Client
let before: Map<string, Family>
let after: Map<string, Family>
const customer = newKey()
const stranger = newKey()
const secretWord = 'hunter2'

async function scrape(): Promise<Map<string, Family>> {
  const { status, body } = await service.get('/metrics')
  if (status !== 200) throw new Error(`${status} ${body}`)
  return parseExposition(body)
}

async function run(method: string, params: object, key = customer): Promise<number> {
  const event = command(service.panda.servicePublicKey, key, method, params)
  return (await service.post('/v1/commands', event)).status
}

/** Does one of everything that is counted. */
async function makeTraffic(): Promise<void> {
  const { servicePublicKey } = service.panda
  await run('identifier.register', { identifier: 'alice@free.test' })
  await run('identifier.register', { identifier: 'root@free.test' })
  await run('identifier.register', { identifier: 'paid@localhost' })
  await run('identifier.conjure', {})
  await service.post(
    '/v1/queries',
    query(servicePublicKey, customer, 'identifier.get', { identifier: 'alice@free.test' }),
  )
  await service.post(
    '/v1/queries',
    query(servicePublicKey, customer, 'identifier.get', { identifier: 'none@free.test' }),
  )
  for (let index = 0; index < 6; index++) await run('identifier.conjure', {}, stranger)

  await client.subscribe('live', { kinds: [1] })
  const note = sign(customer, { kind: 1, content: secretWord })
  await client.publish(note)
  await client.publish(note)
  await client.publish(sign(customer, { kind: 20_001 }))
  await client.publish(sign(customer, { kind: 20_002 }))
  await client.publish(sign(stranger, { kind: 1 }))
  await client.publish({ ...sign(customer, { kind: 1, content: 'forged' }), sig: note.sig })
  await client.request({ ids: [note.id] })
  await client.request({ kinds: 'all' })
  client.raw('no JSON')
  const other = await connect(service.panda.urls.websocket)
  await client.authenticate(customer, { challenge: 'guessed' }).catch(() => undefined)
  other.close()

  await service.get('/.well-known/nostr.json?name=alice', { host: 'free.test' })
  await service.get('/.well-known/nostr.json?name=alice', { host: 'elsewhere.test' })
  await service.get(`/${secretWord}`)
  await service.get('/', { accept: 'text/html' })
  // The job that makes the invoice is counted a moment after its command is answered.
  while (numberOfOrZero(await scrape(), 'panda_jobs_total') === 0) await new Promise(setImmediate)
}

function numberOfOrZero(
  families: ReadonlyMap<string, Family>,
  name: string,
  labels: Record<string, string> = {},
): number {
  try {
    return numberOf(families, name, labels)
  } catch {
    return 0
  }
}

beforeAll(async () => {
  service = await runService({
    domains: [{ name: 'localhost' }, { name: 'free.test', basePriceSat: 0, pricePerCharSat: 0 }],
    rations: { decryptionsPerIpPerMinute: 4 },
    relay: { policies: [{ type: 'deny-kinds', kinds: [20_002] }] },
  })
  client = await connect(service.panda.urls.websocket)
  before = await scrape()
  await makeTraffic()
  after = await scrape()
})
afterAll(async () => {
  client.close()
  await service.close()
})

describe('after some traffic', () => {
  it.each<[string, Record<string, string>]>([
    ['panda_commands_total', { method: 'identifier.register', outcome: 'ok' }],
    ['panda_commands_total', { method: 'identifier.register', outcome: 'NAME_RESERVED' }],
    ['panda_commands_total', { method: 'identifier.register', outcome: 'pending' }],
    ['panda_commands_total', { method: 'invoice.created', outcome: 'ok' }],
    ['panda_queries_total', { method: 'identifier.get', outcome: 'ok' }],
    ['panda_queries_total', { method: 'identifier.get', outcome: 'NOT_FOUND' }],
    ['panda_admission_refusals_total', { type: 'command', code: 'UNKNOWN_METHOD' }],
    ['panda_admission_refusals_total', { type: 'command', code: 'RATE_LIMITED' }],
    ['panda_ration_refusals_total', { ration: 'decryptionsPerIp' }],
    ['panda_jobs_total', { type: 'create-invoice', outcome: 'done' }],
    ['panda_http_requests_total', { route: '/v1/commands', status: '200' }],
    ['panda_http_requests_total', { route: '/v1/queries', status: '200' }],
    ['panda_http_requests_total', { route: '/.well-known/nostr.json', status: '200' }],
    ['panda_http_requests_total', { route: '/.well-known/nostr.json', status: '404' }],
    ['panda_http_requests_total', { route: '/', status: '200' }],
    ['panda_http_requests_total', { route: 'other', status: '404' }],
    ['panda_http_requests_total', { route: '/metrics', status: '200' }],
    ['panda_log_sequence', {}],
    ['panda_table_rows', { table: 'identifiers' }],
    ['relay_events_total', { outcome: 'stored' }],
    ['relay_events_total', { outcome: 'duplicate' }],
    ['relay_events_total', { outcome: 'ephemeral' }],
    ['relay_events_total', { outcome: 'answered' }],
    ['relay_events_total', { outcome: 'applied' }],
    ['relay_events_refused_total', { prefix: 'invalid' }],
    ['relay_events_refused_total', { prefix: 'restricted' }],
    ['relay_events_refused_total', { prefix: 'rate-limited' }],
    ['relay_policy_refusals_total', { policy: 'deny-kinds' }],
    ['relay_messages_total', { verb: 'EVENT' }],
    ['relay_messages_total', { verb: 'REQ' }],
    ['relay_messages_total', { verb: 'other' }],
    ['relay_requests_refused_total', { prefix: 'invalid' }],
    ['relay_connections_opened_total', {}],
    ['relay_connections_closed_total', { reason: 'client' }],
    ['relay_bytes_in_total', {}],
    ['relay_bytes_out_total', {}],
    ['relay_events_delivered_total', {}],
    ['relay_events_sent_from_store_total', {}],
    ['relay_verifications_total', {}],
    ['relay_bad_signatures_total', {}],
    ['relay_query_seconds_count', {}],
    ['relay_writer_tasks_sum', {}],
    ['relay_writer_run_seconds_count', {}],
    ['relay_writer_flush_seconds_count', {}],
    ['relay_subscriptions', {}],
    ['process_cpu_seconds_total', {}],
  ])('%s %o has grown', (name, labels) => {
    expect(numberOf(after, name, labels)).toBeGreaterThan(numberOfOrZero(before, name, labels))
  })

  it.each<[string, Record<string, string>, number]>([
    ['panda_check_ok', { check: 'store' }, 1],
    ['panda_check_ok', { check: 'wallet' }, 1],
    ['panda_check_ok', { check: 'clock' }, 1],
    ['panda_disk_room', { room: 'events' }, 1],
    ['panda_disk_room', { room: 'facts' }, 0],
    ['panda_log_time_lag_seconds', {}, 0],
    ['panda_due_lag_seconds', {}, 0],
    ['panda_table_rows', { table: 'jobs' }, 0],
    ['relay_connections', {}, 1],
    ['relay_queries_under_way', {}, 0],
    ['relay_queries_waiting', {}, 0],
    ['relay_readers_paused', {}, 0],
    ['relay_pending_bytes', {}, 0],
    ['relay_writer_queued', {}, 0],
    ['relay_writer_broken', {}, 0],
    ['relay_writer_failures_total', {}, 0],
    ['relay_events_refused_total', { prefix: 'error' }, 0],
  ])('%s %o is %d, as it should be', (name, labels, value) => {
    expect(numberOf(after, name, labels)).toBe(value)
  })

  it('the state of the process and of the disk is there', () => {
    for (const quantile of ['0.5', '0.99', '0.999', '1']) {
      expect(numberOf(after, 'panda_event_loop_delay_seconds', { quantile })).toBeGreaterThanOrEqual(0)
    }
    expect(numberOf(after, 'panda_event_loop_delay_seconds', { quantile: '1' })).toBeLessThan(30)
    expect(numberOf(after, 'panda_disk_free_bytes')).toBeGreaterThan(1_000_000)
    expect(numberOf(after, 'panda_data_used_bytes')).toBeGreaterThan(10_000)
    expect(numberOf(after, 'panda_http_connections')).toBeGreaterThan(0)
    expect(Math.abs(numberOf(after, 'panda_log_last_entry_timestamp_seconds') - Date.now() / 1_000)).toBeLessThan(60)
    if (process.platform === 'linux') {
      expect(numberOf(after, 'panda_anonymous_memory_bytes')).toBeGreaterThan(10_000_000)
    }
  })

  it('no counter has ever gone back', () => {
    for (const { type, lines } of before.values()) {
      if (type !== 'counter') continue
      for (const { name, labels, value } of lines) expect(numberOf(after, name, labels)).toBeGreaterThanOrEqual(value)
    }
  })

  it('nothing of a client is in it: no key, name, address or content', async () => {
    const { body } = await service.get('/metrics')
    const { servicePublicKey } = service.panda
    for (const text of [customer.publicKey, stranger.publicKey, servicePublicKey, 'alice', 'free.test', secretWord]) {
      expect(body).not.toContain(text)
    }
    expect(body).not.toMatch(/127\.0\.0\.1|::1|conjure|elsewhere|[0-9a-f]{32}/)
  })

  it('many who ask at once are answered by one look', async () => {
    const answers = await Promise.all(Array.from({ length: 20 }, () => service.get('/metrics')))
    for (const { body } of answers) parseExposition(body)
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
  })

  it('nothing was reported', () => {
    expect(service.log).toEqual([])
  })
})

describe('who asks through something else', () => {
  it.each<[string, Record<string, string>]>([
    ['a proxy that is not listed', { 'x-forwarded-for': '127.0.0.1' }],
    ['another', { via: '1.1 proxy' }],
  ])('finds nothing: %s', async (_case, headers) => {
    const hidden = await service.get('/metrics', headers)
    expect(hidden).toEqual(await service.get('/no-such-path'))
    expect(hidden.status).toBe(404)
  })
})
