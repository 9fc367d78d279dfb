import { describe, expect, it } from 'vitest'
import { allowAuthors, denyAuthors } from '../../../relay/policies/authors.ts'
import { membersOnly } from '../../../relay/policies/members.ts'
import { eventOf, originOf, otherKey, someKey } from './events.ts'

describe('policies on authors', () => {
  it.each([
    [allowAuthors([someKey]), null, 'restricted: only some keys may write to this relay'],
    [denyAuthors([someKey]), 'blocked: this key may not write to this relay', null],
    [membersOnly(key => key === someKey), null, 'restricted: only members may write to this relay'],
  ])('tell one key from another', (policy, ofSome, ofOther) => {
    expect(policy(eventOf({ pubkey: someKey }), originOf())).toBe(ofSome)
    expect(policy(eventOf({ pubkey: otherKey }), originOf())).toBe(ofOther)
  })

  it('go by the author, whoever is on the connection', () => {
    const origin = originOf({ authenticated: new Set([someKey]) })
    expect(allowAuthors([someKey])(eventOf({ pubkey: otherKey }), origin)).not.toBeNull()
    expect(membersOnly(key => key === someKey)(eventOf({ pubkey: otherKey }), origin)).not.toBeNull()
  })
})
