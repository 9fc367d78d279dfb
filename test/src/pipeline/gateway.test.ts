import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { NostrEvent } from '../../../relay/event.ts'
import { createGateway, createResultWaiters, type Submitted } from '../../../src/pipeline/gateway.ts'

const id = 'ab'.repeat(32)
const service = 'ef'.repeat(32)
const command = { kind: 2410, id }
const query = { kind: 22_410, id }

function event(kind: number, about = id): NostrEvent {
  return { id: 'cd'.repeat(32), pubkey: '', created_at: 0, kind, tags: [['e', about]], content: '', sig: '' }
}

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0)
  vi.useRealTimers()
})

function gatewayOf(submitted: Partial<Submitted>, stored: NostrEvent | null = null, posts = 100) {
  const waiters = createResultWaiters()
  const seen: { event: unknown; ip: string; keys: number }[] = []
  const left = new Map<string, number>()
  const gateway = createGateway({
    service,
    waiters,
    postsPerIp: ip => {
      left.set(ip, (left.get(ip) ?? posts) - 1)
      return (left.get(ip) ?? 0) >= 0
    },
    findResult: commandId => (commandId === id ? stored : null),
    submit: (sent, origin, done) => {
      seen.push({ event: sent, ip: origin.ip, keys: origin.authenticated.size })
      done({ accepted: true, message: '', delivered: [], ...submitted })
    },
  })
  return { gateway, waiters, seen }
}

describe('a command over the gateway', () => {
  it('takes the way of the relay, with its address and no authenticated key', async () => {
    const { gateway, seen } = gatewayOf({}, event(2411))
    await gateway.command(command, '192.0.2.1', 0)
    expect(seen).toEqual([{ event: command, ip: '192.0.2.1', keys: 0 }])
  })

  it('beyond the ration of its address, an IPv6 /64 too, is refused before anything is checked', async () => {
    const { gateway, seen } = gatewayOf({}, event(2411), 2)
    const outcomes = []
    for (const ip of ['2001:db8::1', '2001:db8::2', '2001:db8::3', '192.0.2.1']) {
      outcomes.push((await gateway.command(command, ip, 0)).status)
    }
    expect(outcomes).toEqual(['result', 'result', 'refused', 'result'])
    expect(await gateway.query(query, '2001:db8::4')).toMatchObject({
      message: expect.stringMatching('^rate-limited: RATE_LIMITED: '),
    })
    expect(seen).toHaveLength(3)
  })

  it('or a query that is meant for another service is refused, since nobody here would answer it', async () => {
    const { gateway, seen } = gatewayOf({}, event(2411))
    const message = 'invalid: INVALID_PARAMS: tags: the "p" tag names another service'
    const tags = [['p', '12'.repeat(32)]]
    expect(await gateway.command({ ...command, tags }, '192.0.2.1', 0)).toEqual({ status: 'refused', message })
    expect(await gateway.query({ ...query, tags }, '192.0.2.1')).toEqual({ status: 'refused', message })
    expect(seen).toEqual([])
    await gateway.command({ ...command, tags: [['p', service], ...tags] }, '192.0.2.1', 0)
    await gateway.command({ ...command, tags: [['p', 7]] }, '192.0.2.1', 0)
    expect(seen).toHaveLength(2)
  })

  it('is answered at once by a result that is stored, a duplicate too', async () => {
    const { gateway } = gatewayOf({ message: 'duplicate: this command was handled before' }, event(2411))
    expect(await gateway.command(command, '', 1_000)).toEqual({ status: 'result', event: event(2411) })
  })

  it('is answered when its result is published, and not by others', async () => {
    const { gateway, waiters } = gatewayOf({})
    const outcomes = [gateway.command(command, '', 1_000), gateway.command(command, '', 2_000)]
    await vi.advanceTimersByTimeAsync(500)
    waiters.published([event(2412), event(2411, 'ef'.repeat(32))])
    await vi.advanceTimersByTimeAsync(499)
    waiters.published([event(2411)])
    expect(await Promise.all(outcomes)).toEqual([
      { status: 'result', event: event(2411) },
      { status: 'result', event: event(2411) },
    ])
    waiters.published([event(2411)])
  })

  it('is pending when the result does not come in time', async () => {
    const { gateway } = gatewayOf({})
    const outcome = gateway.command(command, '', 1_000)
    await vi.advanceTimersByTimeAsync(1_000)
    expect(await outcome).toEqual({ status: 'pending', commandId: id })
  })

  it('is refused as the relay refused it', async () => {
    const { gateway } = gatewayOf({ accepted: false, message: 'invalid: EXPIRED: too late' })
    expect(await gateway.command(command, '', 1_000)).toEqual({
      status: 'refused',
      message: 'invalid: EXPIRED: too late',
    })
  })
})

describe('a query over the gateway', () => {
  it('gives the answer', async () => {
    const { gateway } = gatewayOf({ delivered: [event(22_411)] })
    expect(await gateway.query(query, '')).toEqual({ status: 'answer', event: event(22_411) })
  })

  it.each([
    {
      case: 'as the relay refused it',
      submitted: { accepted: false, message: 'restricted: x' },
      message: 'restricted: x',
    },
    { case: 'without an answer', submitted: {}, message: 'error: INTERNAL: no answer' },
  ])('is refused $case', async ({ submitted, message }) => {
    expect(await gatewayOf(submitted).gateway.query(query, '')).toEqual({ status: 'refused', message })
  })
})

describe('something else over the gateway', () => {
  it.each([null, 'text', 7, [], {}, { kind: 1, id }, { kind: 2410 }, { kind: '2410', id }])(
    'is refused: %j',
    async sent => {
      const { gateway, seen } = gatewayOf({})
      expect(await gateway.command(sent, '', 0)).toMatchObject({
        status: 'refused',
        message: expect.stringMatching('^invalid: '),
      })
      expect(await gateway.query(sent, '')).toMatchObject({ status: 'refused' })
      expect(seen).toEqual([])
    },
  )

  it('is a command sent as a query, and a query sent as a command', async () => {
    const { gateway } = gatewayOf({})
    expect((await gateway.command(query, '', 0)).status).toBe('refused')
    expect((await gateway.query(command, '')).status).toBe('refused')
  })
})
