import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { alice, bob, createClub } from './club.ts'

const club = createClub()
const { call, listed } = club
beforeEach(() => club.open())
afterEach(() => club.close())

describe('roles', () => {
  it('are announced, given to members and taken back', async () => {
    await call('allowpubkey', alice.pubkey)
    expect(await call('createrole', 'king', 'King', 'ruler of the relay', 37, 1)).toBe(true)
    expect(await call('assignrole', alice.pubkey, 'king')).toBe(true)
    const role = () => club.served.relay.find({ kinds: [33_534] }).map(({ tags }) => tags)
    expect(role()).toEqual([
      [['-'], ['d', 'king'], ['label', 'King'], ['description', 'ruler of the relay'], ['color', '37'], ['order', '1']],
    ])
    expect(listed()).toEqual([[alice.pubkey, 'king']])
    await call('allowpubkey', alice.pubkey, 'again')
    expect(listed()).toEqual([[alice.pubkey, 'king']])
    await call('editrole', 'king', 'Queen')
    expect(role()).toEqual([[['-'], ['d', 'king'], ['label', 'Queen']]])
    await call('unassignrole', alice.pubkey, 'king')
    expect(listed()).toEqual([[alice.pubkey]])
    await call('assignrole', alice.pubkey, 'king')
    await call('deleterole', 'king')
    expect([listed(), role()]).toEqual([[[alice.pubkey]], []])
    expect(club.served.relay.find({ kinds: [8_000] })).toHaveLength(1)
  })

  it.each([
    ['createrole', ['a b', 'x']],
    ['createrole', ['', 'x']],
    ['createrole', ['x', 'X', '', 361]],
    ['createrole', ['x', 'X', '', 1, -1]],
    ['createrole', ['x']],
    ['editrole', ['none', 'x']],
    ['deleterole', ['none']],
    ['assignrole', [alice.pubkey, 'none']],
    ['assignrole', [bob.pubkey, 'king']],
    ['createrole', ['king', 'King']],
  ])('that make no sense are refused: %s %j', async (method, params) => {
    await call('allowpubkey', alice.pubkey)
    await call('createrole', 'king', 'King')
    expect(await call(method, ...params)).toEqual({ error: expect.anything() })
    expect(club.served.relay.find({ kinds: [33_534] })).toHaveLength(1)
  })

  it('are so many at most', async () => {
    for (let index = 0; index < 100; index++) await call('createrole', `r${index}`, 'x')
    expect(await call('createrole', 'more', 'x')).toEqual({ error: expect.stringContaining('100') })
  })
})
