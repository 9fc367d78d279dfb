import { describe, expect, it } from 'vitest'
import { authFault, newChallenge } from '../../relay/auth.ts'
import { author, startTime } from './authors.ts'

const expected = {
  challenge: 'c'.repeat(32),
  urls: ['wss://relay.example/', 'ws://127.0.0.1:8080/nostr'],
  now: startTime,
  windowSeconds: 600,
}
const tags = (relay: string, challenge = expected.challenge) => [
  ['relay', relay],
  ['challenge', challenge],
]
const event = (change: { kind?: number; created_at?: number; tags?: string[][] }) =>
  author(1).sign({ kind: 22_242, tags: tags('wss://relay.example'), ...change })

describe('an authentication', () => {
  it.each([
    ['as it should be', {}],
    ['with a slash at the end', { tags: tags('wss://relay.example/') }],
    ['with another case of the host', { tags: tags('WSS://Relay.Example') }],
    ['with the port that is meant', { tags: tags('wss://relay.example:443') }],
    ['for another name of the relay', { tags: tags('ws://127.0.0.1:8080/nostr/') }],
    ['as late as can be', { created_at: startTime - 600 }],
    ['as early as can be', { created_at: startTime + 600 }],
  ])('counts: %s', (_case, change) => expect(authFault(event(change), expected)).toBeNull())

  it.each([
    ['another kind', { kind: 1 }, /kind 22242/],
    ['too late', { created_at: startTime - 601 }, /created_at/],
    ['too early', { created_at: startTime + 601 }, /created_at/],
    ['another challenge', { tags: tags('wss://relay.example', 'd'.repeat(32)) }, /challenge/],
    ['no challenge', { tags: [['relay', 'wss://relay.example']] }, /challenge/],
    ['an empty challenge', { tags: tags('wss://relay.example', '') }, /challenge/],
    ['another relay', { tags: tags('wss://other.example') }, /another relay/],
    ['a relay whose name ends in ours', { tags: tags('wss://evil.relay.example') }, /another relay/],
    ['a relay whose name begins with ours', { tags: tags('wss://relay.example.evil') }, /another relay/],
    ['our name as a user', { tags: tags('wss://relay.example@evil.example') }, /another relay/],
    ['another path', { tags: tags('wss://relay.example/other') }, /another relay/],
    ['another port', { tags: tags('wss://relay.example:8443') }, /another relay/],
    ['another scheme', { tags: tags('ws://relay.example') }, /another relay/],
    ['no URL', { tags: tags('relay.example') }, /another relay/],
    ['no relay', { tags: [['challenge', expected.challenge]] }, /another relay/],
  ])('does not count: %s', (_case, change, reason) => {
    expect(authFault(event(change), expected)).toMatch(reason)
    expect(authFault(event(change), expected)).toMatch(/^invalid: /)
  })
})

describe('a challenge', () => {
  it('has 16 random bytes', () => {
    const challenges = new Set(Array.from({ length: 100 }, newChallenge))
    expect(challenges.size).toBe(100)
    for (const challenge of challenges) expect(challenge).toMatch(/^[0-9a-f]{32}$/)
  })
})
