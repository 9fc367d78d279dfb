import { describe, expect, it } from 'vitest'
import type { NostrEvent } from '../../../relay/event.ts'
import { createHttpApp } from '../../../src/http/app.ts'
import type { CommandOutcome, QueryOutcome } from '../../../src/pipeline/gateway.ts'
import { stubDeps } from './stub.ts'

const event: NostrEvent = {
  id: '1'.repeat(64),
  pubkey: '2'.repeat(64),
  created_at: 1_790_000_000,
  kind: 2411,
  tags: [['p', '3'.repeat(64)]],
  content: 'sealed',
  sig: '4'.repeat(128),
}
const json = { 'content-type': 'application/json' }

function serviceThat(outcome: CommandOutcome | QueryOutcome) {
  const calls: unknown[][] = []
  const answer = async (...args: unknown[]) => {
    calls.push(args)
    return outcome as never
  }
  return { app: createHttpApp(stubDeps({ gateway: { command: answer, query: answer } })), calls }
}

describe('POST /v1/commands', () => {
  it('answers with the signed result and hands over event, address and patience', async () => {
    const { app, calls } = serviceThat({ status: 'result', event })
    const init = { method: 'POST', headers: json, body: JSON.stringify({ any: ['thing'] }) }
    const response = await app.request('/v1/commands?wait=3', init)
    expect(response.status).toBe(200)
    expect(await response.json()).toEqual(event)
    expect(response.headers.get('access-control-allow-origin')).toBe('*')
    expect(calls).toEqual([[{ any: ['thing'] }, '192.0.2.1', 3_000]])
  })

  it('says where the result will be when it takes longer', async () => {
    const { app } = serviceThat({ status: 'pending', commandId: event.id })
    const response = await app.request('/v1/commands?wait=0', { method: 'POST', headers: json, body: '{}' })
    expect(response.status).toBe(202)
    expect(await response.json()).toEqual({
      commandId: event.id,
      fetch: { filter: { kinds: [2411], '#e': [event.id] }, resend: '/v1/commands' },
    })
  })

  it.each([
    ['', 10_000],
    ['?wait=0', 0],
    ['?wait=30', 30_000],
  ])('waits as asked: %s', async (query, waitMs) => {
    const { app, calls } = serviceThat({ status: 'result', event })
    await app.request(`/v1/commands${query}`, { method: 'POST', headers: json, body: '{}' })
    expect(calls[0]?.[2]).toBe(waitMs)
  })

  it.each(['31', '-1', '1.5', '1e1', 'soon', '', '9999999999'])('refuses to wait "%s"', async wait => {
    const { app, calls } = serviceThat({ status: 'result', event })
    const response = await app.request(`/v1/commands?wait=${wait}`, { method: 'POST', headers: json, body: '{}' })
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({ error: { message: expect.stringContaining('wait') } })
    expect(calls).toEqual([])
  })
})

describe('POST /v1/queries', () => {
  it('answers with the signed answer', async () => {
    const { app, calls } = serviceThat({ status: 'answer', event })
    const response = await app.request('/v1/queries', { method: 'POST', headers: json, body: '[1]' })
    expect(response.status).toBe(200)
    expect(await response.json()).toEqual(event)
    expect(calls).toEqual([[[1], '192.0.2.1']])
  })
})

describe.each(['/v1/commands', '/v1/queries'])('refusals of %s', path => {
  it.each([
    ['invalid: INVALID_PARAMS: years: 1 to 10', 400, 'INVALID_PARAMS', 'years: 1 to 10'],
    ['invalid: the id does not match', 400, 'INVALID_EVENT', 'the id does not match'],
    ['invalid: EXPIRED: too old', 400, 'EXPIRED', 'too old'],
    ['pow: difficulty 26 is less than 30', 400, 'POW_REQUIRED', 'difficulty 26 is less than 30'],
    ['auth-required: authenticate first', 401, 'AUTH_REQUIRED', 'authenticate first'],
    ['restricted: SUSPENDED: by the operator', 403, 'SUSPENDED', 'by the operator'],
    ['restricted: members only', 403, 'RESTRICTED', 'members only'],
    ['blocked: banned', 403, 'BLOCKED', 'banned'],
    ['blocked: NO_SUCH_CODE: banned', 403, 'BLOCKED', 'NO_SUCH_CODE: banned'],
    ['restricted: STARTING: not by a command', 403, 'RESTRICTED', 'STARTING: not by a command'],
    ['rate-limited: RATE_LIMITED: slow down', 429, 'RATE_LIMITED', 'slow down'],
    ['rate-limited: slow down', 429, 'RATE_LIMITED', 'slow down'],
    ['error: INTERNAL: no room', 503, 'INTERNAL', 'no room'],
    ['error: disk full: later', 503, 'INTERNAL', 'disk full: later'],
    ['constructor: strange', 400, 'INVALID_EVENT', 'constructor: strange'],
    ['no prefix at all', 400, 'INVALID_EVENT', 'no prefix at all'],
  ])('puts "%s" in HTTP terms', async (message, status, code, text) => {
    const { app } = serviceThat({ status: 'refused', message })
    const response = await app.request(path, { method: 'POST', headers: json, body: '{}' })
    expect(response.status).toBe(status)
    expect(await response.json()).toEqual({ error: { code, message: text } })
    expect(response.headers.get('access-control-allow-origin')).toBe('*')
  })

  const limit = 128 * 1024
  it.each<[string, RequestInit, number, string]>([
    ['a body that is not JSON', { body: '{"secret":"hunter2"' }, 400, 'INVALID_REQUEST'],
    ['an empty body', { body: '' }, 400, 'INVALID_REQUEST'],
    ['no body', {}, 400, 'INVALID_REQUEST'],
    ['a body that is not UTF-8', { body: Uint8Array.of(0x22, 0xff, 0x22) }, 400, 'INVALID_REQUEST'],
    ['another type', { body: '{}', headers: { 'content-type': 'text/plain' } }, 415, 'UNSUPPORTED_MEDIA_TYPE'],
    [
      'a compressed body',
      { body: '{}', headers: { ...json, 'content-encoding': 'gzip' } },
      415,
      'UNSUPPORTED_MEDIA_TYPE',
    ],
    ['a body over the limit', { body: `"${'a'.repeat(limit)}"` }, 413, 'TOO_LARGE'],
    [
      'a stated length over the limit',
      { body: '{}', headers: { ...json, 'content-length': `${limit + 1}` } },
      413,
      'TOO_LARGE',
    ],
  ])('refuses %s', async (_case, init, status, code) => {
    const { app, calls } = serviceThat({ status: 'answer', event })
    const response = await app.request(path, { method: 'POST', headers: json, ...init })
    expect(response.status).toBe(status)
    const text = await response.text()
    expect(JSON.parse(text).error.code).toBe(code)
    expect(text).not.toContain('hunter2')
    expect(calls).toEqual([])
  })

  it('takes a body of exactly the limit, and JSON with a charset', async () => {
    const { app, calls } = serviceThat({ status: 'refused', message: 'invalid: not an event' })
    const body = `"${'a'.repeat(limit - 2)}"`
    const headers = { 'content-type': 'Application/JSON; charset=utf-8' }
    await app.request(path, { method: 'POST', headers, body })
    expect(calls).toHaveLength(1)
  })

  it('survives JSON nested as deeply as fits', async () => {
    const { app, calls } = serviceThat({ status: 'refused', message: 'invalid: not an event' })
    const body = '['.repeat(limit / 2) + ']'.repeat(limit / 2)
    const response = await app.request(path, { method: 'POST', headers: json, body })
    expect(response.status).toBe(400)
    expect(calls.length).toBeLessThanOrEqual(1)
  })
})
