import { describe, expect, it } from 'vitest'
import { policyFrom } from '../../../relay/policies/from-settings.ts'
import { requirementsOf } from '../../../relay/policies/requirements.ts'
import type { PolicySettings } from '../../../relay/policies/settings.ts'
import { eventOf, originOf, otherKey, someKey } from './events.ts'

const members: PolicySettings = { type: 'members' }
const context = {
  isMember: (key: string) => key === someKey,
  isKnown: (key: string) => key === otherKey,
  nowMs: () => 0,
}
const notMember = 'restricted: only members may write to this relay'
const noWork = 'pow: difficulty 0 is less than 8'

describe('policies from settings', () => {
  it.each<[PolicySettings[], [ofMember: string | null, ofOther: string | null]]>([
    [[], [null, null]],
    [[members], [null, notMember]],
    [[{ type: 'members', forKinds: [7] }], [null, null]],
    [[{ type: 'members', forKinds: [{ from: 0, to: 5 }] }], [null, notMember]],
    [
      [members, { type: 'pow', bits: 8 }],
      [noWork, notMember],
    ],
    [
      [{ type: 'pow', bits: 8 }, members],
      [noWork, noWork],
    ],
    [[{ type: 'pow', bits: 8, strangersOnly: true }], [noWork, null]],
    [
      [{ type: 'any', of: [{ type: 'pow', bits: 8 }, { type: 'members' }] }],
      [null, `${noWork}; or only members may write to this relay`],
    ],
    [
      [{ type: 'any', of: [{ type: 'all', of: [{ type: 'members' }, { type: 'pow', bits: 8 }] }] }],
      [noWork, notMember],
    ],
    [[{ type: 'allow-authors', authors: [otherKey] }], ['restricted: only some keys may write to this relay', null]],
    [[{ type: 'deny-authors', authors: [otherKey] }], [null, 'blocked: this key may not write to this relay']],
    [[{ type: 'allow-kinds', kinds: [1] }], [null, null]],
    [
      [{ type: 'deny-kinds', kinds: [1] }],
      ['blocked: this relay does not take kind 1', 'blocked: this relay does not take kind 1'],
    ],
    [[{ type: 'tags', max: 1 }], [null, null]],
    [
      [{ type: 'tags', max: 0, name: 't' }],
      ['blocked: this relay takes at most 0 tags "t"', 'blocked: this relay takes at most 0 tags "t"'],
    ],
    [
      [{ type: 'words', words: ['hello'] }],
      ['blocked: this relay does not take one of these words', 'blocked: this relay does not take one of these words'],
    ],
  ])('%j', (settings, outcomes) => {
    const policy = policyFrom(settings, context)
    const outcomeOf = (pubkey: string) => policy(eventOf({ pubkey, content: 'Hello', tags: [['t', 'x']] }), originOf())
    expect([outcomeOf(someKey), outcomeOf(otherKey)]).toEqual(outcomes)
  })

  it.each<[Partial<Extract<PolicySettings, { type: 'rate' }>>, number]>([
    [{ perMinute: 5 }, 5],
    [{ perMinute: 5, burst: 2 }, 2],
    [{ perMinute: 5, per: 'ip' }, 5],
    [{ perMinute: 5, per: 'connection' }, 5],
  ])('a rate %j gives %i at once', (parts, count) => {
    const policy = policyFrom([{ type: 'rate', per: 'key', perMinute: 1, ...parts }], context)
    const origin = originOf()
    const outcomes = Array.from({ length: 10 }, () => policy(eventOf(), origin))
    expect(outcomes.filter(message => message === null)).toHaveLength(count)
  })

  it('say which of them has refused, once for an event, and nothing of one that is taken', () => {
    const refusals: string[] = []
    const settings: PolicySettings[] = [
      { type: 'any', of: [{ type: 'members' }, { type: 'pow', bits: 8 }] },
      { type: 'deny-kinds', kinds: [7] },
      { type: 'words', words: ['hello'] },
    ]
    const policy = policyFrom(settings, { ...context, refused: type => void refusals.push(type) })
    for (const parts of [{ pubkey: otherKey }, { kind: 7, content: 'hello' }, { content: 'hello' }, {}]) {
      policy(eventOf({ pubkey: someKey, ...parts }), originOf())
    }
    expect(refusals).toEqual(['any', 'deny-kinds', 'words'])
  })

  it('have neither members nor acquaintances without an application', () => {
    expect(policyFrom([members], {})(eventOf(), originOf())).toBe(notMember)
    expect(policyFrom([{ type: 'pow', bits: 8, strangersOnly: true }], {})(eventOf(), originOf())).toBe(noWork)
  })
})

describe('what clients should know of the policies (NIP-11)', () => {
  const pow = (bits: number): PolicySettings & { type: 'pow' } => ({ type: 'pow', bits })
  it.each<[PolicySettings[], minPowDifficulty: number, restrictedWrites: boolean, asksForWork?: boolean]>([
    [[], 0, false],
    [[pow(8)], 8, true],
    [[pow(8), pow(20)], 20, true],
    [[{ ...pow(8), forKinds: [1] }], 0, true, true],
    [[{ ...pow(8), strangersOnly: true }], 0, true, true],
    [[pow(0)], 0, true],
    [[{ ...pow(8), strangersOnly: false }], 8, true],
    [[members], 0, true],
    [[{ type: 'allow-authors', authors: [someKey] }], 0, true],
    [[{ type: 'allow-kinds', kinds: [1] }], 0, true],
    [[{ type: 'deny-authors', authors: [someKey] }], 0, false],
    [[{ type: 'deny-kinds', kinds: [1] }], 0, false],
    [[{ type: 'rate', per: 'key', perMinute: 1 }], 0, false],
    [[{ type: 'tags', max: 1 }], 0, false],
    [[{ type: 'words', words: ['x'] }], 0, false],
    [[{ type: 'any', of: [pow(8), pow(20)] }], 8, true],
    [[{ type: 'any', of: [pow(8), { type: 'members' }] }], 0, true, true],
    [[{ type: 'any', of: [{ type: 'members' }, { type: 'rate', per: 'ip', perMinute: 1 }] }], 0, false],
    [[{ type: 'any', of: [{ type: 'all', of: [pow(8), { type: 'tags', max: 1 }] }, pow(9)] }], 8, true],
  ])('%j', (settings, minPowDifficulty, restrictedWrites, asksForWork = minPowDifficulty > 0) => {
    expect(requirementsOf(settings)).toEqual({ minPowDifficulty, restrictedWrites, asksForWork })
  })
})
