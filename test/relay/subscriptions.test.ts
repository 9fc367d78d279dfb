import { beforeEach, describe, expect, it } from 'vitest'
import { wholeSpan } from '../../relay/connection/page.ts'
import type { NostrEvent } from '../../relay/event.ts'
import { createFairShare, type FairShare } from '../../relay/fair-share.ts'
import { createSubscriptions, type Subscriptions } from '../../relay/subscriptions.ts'
import { author } from './authors.ts'
import { filterOf } from './find.ts'

const alice = author(1)
const json = wholeSpan(Buffer.from('{}'))
let timeMs: number
let told: string[]
let errors: unknown[]
let subscriptions: Subscriptions
let room: FairShare
beforeEach(() => {
  timeMs = 0
  told = []
  errors = []
  // Each look at the clock takes a millisecond.
  room = createFairShare(2_000)
  subscriptions = createSubscriptions({ room, onError: error => errors.push(error), nowMs: () => timeMs++ })
})

/** Returns how to unsubscribe. */
function subscribe(name: string, deliver: (event: NostrEvent) => void = () => undefined): () => void {
  return subscriptions.add({
    network: 'x',
    filters: [filterOf({ kinds: [1] })],
    deliver: event => {
      deliver(event)
      told.push(`${name} ${event.content}`)
    },
  })
}

const publish = (content: string, network = 'x') => subscriptions.publish(alice.sign({ content }), json, network)

async function untilAllAreTold(): Promise<number> {
  let turns = 0
  for (; subscriptions.waiting() > 0; turns++) await new Promise(setImmediate)
  return turns
}

describe('an event for very many', () => {
  const many = 2_000

  it('is handed to them on several turns of the event loop, once each, and the next one after it', async () => {
    for (let index = 0; index < many; index++) subscribe(String(index))
    publish('a')
    publish('b')
    expect(told.length).toBeLessThan(many / 4)
    expect(await untilAllAreTold()).toBeGreaterThan(10)
    expect(told.map(text => text.split(' ')[1]).join('')).toBe('a'.repeat(many) + 'b'.repeat(many))
    expect(new Set(told).size).toBe(2 * many)
  })

  it('is not for who comes when it is under way, and has it from the store, nor for who has gone', async () => {
    const all = Array.from({ length: many }, (_, index) => subscribe(String(index)))
    publish('a')
    all.at(-1)?.()
    subscribe('late')
    publish('b')
    await untilAllAreTold()
    expect(told).not.toContain(`${many - 1} a`)
    expect(told.filter(text => text.startsWith('late'))).toEqual(['late b'])
    expect(told).toHaveLength(2 * many - 1)
  })

  it('is handed on when one of them cannot be told, and so is the next', async () => {
    for (let index = 0; index < 200; index++) subscribe(String(index))
    subscribe('faulty', () => {
      throw new Error('no')
    })
    publish('a')
    await untilAllAreTold()
    publish('b')
    await untilAllAreTold()
    expect(errors).toHaveLength(2)
    expect(told).toHaveLength(400)
  })
})

describe('events of several networks', () => {
  it('are handed on in turns: one that comes later does not wait for all that others have to say', async () => {
    for (let index = 0; index < 300; index++) subscribe(String(index))
    for (let index = 0; index < 50; index++) publish('often', 'a')
    publish('first', 'b')
    publish('second', 'b')
    await untilAllAreTold()
    const contents = told.map(text => text.split(' ')[1])
    expect(contents.filter(content => content === 'often')).toHaveLength(50 * 300)
    expect(contents.lastIndexOf('first')).toBeLessThan(4 * 300)
    expect(contents.indexOf('second')).toBeGreaterThan(contents.lastIndexOf('first'))
    expect(contents.lastIndexOf('second')).toBeLessThan(contents.length / 8)
  })

  it('take room until they are handed on to all, or to nobody', async () => {
    for (let index = 0; index < 1_000; index++) subscribe(String(index))
    const nobodys = alice.sign({ kind: 7 })
    for (let index = 0; index < 10; index++) publish('often', 'a')
    subscriptions.publish(nobodys, json, 'b')
    expect(subscriptions.waiting()).toBe(11)
    expect(room.taken()).toBe(11)
    await untilAllAreTold()
    expect(room.taken()).toBe(0)
    subscriptions.publish(nobodys, json, 'b')
    expect(room.taken()).toBe(0)
    expect(told).toHaveLength(10_000)
  })

  it('are told once to who asks for them in several ways, whatever comes between', async () => {
    const ways = ['a', 'b', 'c'].map(value => filterOf({ '#t': [value] }))
    const tags = ['a', 'b', 'b', 'c'].map(value => ['t', value])
    for (let index = 0; index < 200; index++) {
      subscriptions.add({
        network: 'x',
        filters: index % 2 === 0 ? ways : ways.slice(1, 2),
        deliver: ({ content }) => void told.push(`${index} ${content}`),
      })
    }
    const wanted: string[] = []
    for (let index = 0; index < 12; index++) {
      subscriptions.publish(alice.sign({ content: String(index), tags }), json, `network ${index % 3}`)
      for (let other = 0; other < 200; other++) wanted.push(`${other} ${index}`)
    }
    await untilAllAreTold()
    expect([...told].sort()).toEqual(wanted.sort())
  })

  it('are counted by network', () => {
    const first = subscribe('first')
    subscribe('second')
    expect(subscriptions.countOf('x')).toBe(2)
    expect(subscriptions.countOf('y')).toBe(0)
    first()
    first()
    expect(subscriptions.countOf('x')).toBe(1)
  })
})
