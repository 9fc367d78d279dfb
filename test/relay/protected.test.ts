import { describe, expect, it } from 'vitest'
import { protectionFault } from '../../relay/protected.ts'
import { author } from './authors.ts'

const [alice, bob] = [author(1), author(2)]
const own = alice.sign({ tags: [['-']] })
const repost = (content: string, kind = 6) => bob.sign({ kind, content })

describe('a protected event (NIP-70)', () => {
  it.each([
    ['from nobody', own, [], /^auth-required: /],
    ['from another', own, [bob.pubkey], /^restricted: /],
    ['with more in its tag', alice.sign({ tags: [['-', 'x']] }), [], /^auth-required: /],
    ['reposted by another', repost(JSON.stringify(own)), [bob.pubkey], /^blocked: /],
    ['reposted as any kind', repost(JSON.stringify(own), 16), [bob.pubkey], /^blocked: /],
    ['reposted by its author', alice.sign({ kind: 6, content: JSON.stringify(own) }), [alice.pubkey], /^blocked: /],
  ])('is refused: %s', (_case, event, keys, reason) => expect(protectionFault(event, new Set(keys))).toMatch(reason))

  it.each([
    ['from its author', own, [alice.pubkey]],
    ['from its author and another', own, [bob.pubkey, alice.pubkey]],
    ['not protected', alice.sign(), []],
    ['a repost of what is not protected', repost(JSON.stringify(alice.sign({ content: '"-"' }))), []],
    ['a repost of nothing', repost(''), []],
    ['a repost of no JSON', repost('"-"]'), []],
    ['a repost of null', repost('null "-"'), []],
    ['a repost of tags that are none', repost('{"tags":"-","x":"-"}'), []],
    ['a note that quotes it', bob.sign({ content: JSON.stringify(own) }), []],
  ])('is taken: %s', (_case, event, keys) => expect(protectionFault(event, new Set(keys))).toBeNull())
})
