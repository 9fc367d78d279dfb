import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isInWindow, parseEnvelope } from '../../../src/protocol/command.ts'
import { isRejection } from '../../../src/rejections.ts'

const service = 'ab'.repeat(32)
const at = 1_790_000_000
const p = ['p', service]
const method = ['method', 'identifier.register']

describe('parseEnvelope', () => {
  const plain = { service, method: 'identifier.register', encrypted: false, executeBy: null }
  it.each([
    { case: 'plain', tags: [p, method], envelope: plain },
    { case: 'with tags of others', tags: [['salt', '1'], p, ['e', 'x'], method, []], envelope: plain },
    { case: 'with a relay hint', tags: [['p', service, 'wss://a.example'], method], envelope: plain },
    { case: 'encrypted', tags: [p, method, ['encryption', 'nip44_v2']], envelope: { ...plain, encrypted: true } },
    { case: 'until now', tags: [p, method, ['execute-by', `${at}`]], envelope: { ...plain, executeBy: at } },
    { case: 'until before', tags: [p, method, ['execute-by', '1']], envelope: { ...plain, executeBy: 1 } },
    {
      case: 'until 24 hours later',
      tags: [p, method, ['execute-by', `${at + 86_400}`]],
      envelope: { ...plain, executeBy: at + 86_400 },
    },
  ])('reads a command $case', ({ tags, envelope }) => {
    expect(parseEnvelope({ tags, created_at: at })).toEqual(envelope)
  })

  it.each([
    { case: 'no p', tags: [method], code: 'INVALID_PARAMS' },
    { case: 'an empty p', tags: [['p', ''], method], code: 'INVALID_PARAMS' },
    { case: 'a p without value', tags: [['p'], method], code: 'INVALID_PARAMS' },
    { case: 'two p', tags: [p, ['p', 'cd'.repeat(32)], method], code: 'INVALID_PARAMS' },
    { case: 'the same p twice', tags: [p, p, method], code: 'INVALID_PARAMS' },
    { case: 'no method', tags: [p], code: 'INVALID_PARAMS' },
    { case: 'an empty method', tags: [p, ['method', '']], code: 'INVALID_PARAMS' },
    { case: 'two methods', tags: [p, method, ['method', 'balance.topup']], code: 'INVALID_PARAMS' },
    { case: 'NIP-04', tags: [p, method, ['encryption', 'nip04']], code: 'UNSUPPORTED_ENCRYPTION' },
    { case: 'NIP-44 v3', tags: [p, method, ['encryption', 'nip44_v3']], code: 'UNSUPPORTED_ENCRYPTION' },
    { case: 'an empty encryption', tags: [p, method, ['encryption', '']], code: 'INVALID_PARAMS' },
    {
      case: 'two encryptions',
      tags: [p, method, ['encryption', 'nip44_v2'], ['encryption', 'nip44_v2']],
      code: 'INVALID_PARAMS',
    },
    { case: 'an unknown encryption and no p', tags: [method, ['encryption', 'x']], code: 'UNSUPPORTED_ENCRYPTION' },
    ...['0', '-1', '', 'soon', '1.5', '1e9', '0x10', ' 1', '01', '1790000000000', `${at + 86_401}`].map(value => ({
      case: `execute-by "${value}"`,
      tags: [p, method, ['execute-by', value]],
      code: 'INVALID_PARAMS',
    })),
    {
      case: 'two execute-by',
      tags: [p, method, ['execute-by', `${at}`], ['execute-by', `${at}`]],
      code: 'INVALID_PARAMS',
    },
  ])('refuses a command with $case as $code', ({ tags, code }) => {
    expect(parseEnvelope({ tags, created_at: at })).toMatchObject({ rejected: true, code })
  })

  it('gives an envelope or a refusal for any tags whatever', () => {
    const word = fc.oneof(fc.constantFrom('p', 'method', 'encryption', 'nip44_v2', 'execute-by'), fc.string())
    fc.assert(
      fc.property(fc.array(fc.array(word, { maxLength: 3 }), { maxLength: 6 }), fc.nat(), (tags, created_at) => {
        const envelope = parseEnvelope({ tags, created_at })
        const count = (name: string) => tags.filter(tag => tag[0] === name).length
        if (!isRejection(envelope)) expect([count('p'), count('method')]).toEqual([1, 1])
      }),
    )
  })
})

describe('the window of a command', () => {
  it.each([
    { case: '300 s ahead', createdAt: at + 300, executeBy: null, inside: true },
    { case: '301 s ahead', createdAt: at + 301, executeBy: null, inside: false },
    { case: '600 s back', createdAt: at - 600, executeBy: null, inside: true },
    { case: '601 s back', createdAt: at - 601, executeBy: null, inside: false },
    { case: '601 s back, to be executed by now', createdAt: at - 601, executeBy: at, inside: true },
    { case: '601 s back, by a second ago', createdAt: at - 601, executeBy: at - 1, inside: false },
    { case: 'now, by a second ago', createdAt: at, executeBy: at - 1, inside: false },
    { case: '24 hours back, by now', createdAt: at - 86_400, executeBy: at, inside: true },
    { case: '301 s ahead, by tomorrow', createdAt: at + 301, executeBy: at + 86_400, inside: false },
  ])('$case: $inside', ({ createdAt, executeBy, inside }) => {
    expect(isInWindow(createdAt, executeBy, at)).toBe(inside)
  })
})
