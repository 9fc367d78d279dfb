import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { sign } from './envelope.ts'
import { createWorld, type World } from './world.ts'

/** A program as one would write it for strfry. */
const script = `
  require('node:readline').createInterface({ input: process.stdin }).on('line', line => {
    const { event, sourceType } = JSON.parse(line)
    if (event.content === 'die') process.exit(1)
    const action = event.content === 'no' ? 'reject' : 'accept'
    console.log(JSON.stringify({ id: event.id, action, msg: 'blocked: not over ' + sourceType }))
  })`

let world: World
beforeAll(async () => {
  world = await createWorld({
    relay: {
      policy: 'open',
      policies: [{ type: 'members' }, { type: 'words', words: ['casino'], forKinds: ['0-999'] }],
      program: { command: [process.execPath, '-e', script] },
    },
  })
}, 60_000)
afterAll(async () => {
  await world.close()
})

describe('policies and a policy program in the configuration', () => {
  it('decide on ordinary events', async () => {
    const client = await world.connect()
    const publish = (key: World['alice'], content: string) => client.publish(sign(key, { kind: 1, content }))
    const notMember = { accepted: false, message: 'restricted: only members may write to this relay' }
    expect(await publish(world.stranger, 'hello')).toEqual(notMember)
    expect(await publish(world.alice, 'hello')).toEqual({ accepted: true, message: '' })
    const notWord = { accepted: false, message: 'blocked: this relay does not take one of these words' }
    expect(await publish(world.alice, 'Casino!')).toEqual(notWord)
    expect(await publish(world.alice, 'no')).toEqual({ accepted: false, message: 'blocked: not over IP4' })
  })

  it('are in the information document', async () => {
    const response = await fetch(world.panda.httpUrl, { headers: { accept: 'application/nostr+json' } })
    expect(await response.json()).toMatchObject({ limitation: { restricted_writes: true, min_pow_difficulty: 0 } })
  })

  it('stand in the way of no command, even when the program has died', async () => {
    const client = await world.connect()
    const died = await client.publish(sign(world.alice, { kind: 1, content: 'die' }))
    expect(died).toMatchObject({ accepted: false, message: expect.stringMatching(/^error: the policy program/) })
    expect(await world.run(world.alice, 'identifier.register', { identifier: 'third@free.test' })).toBeDefined()
    expect(world.panda.log()).toContain('policy-program.ended')
  })
})
