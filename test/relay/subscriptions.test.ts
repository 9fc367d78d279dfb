import { beforeEach, describe, expect, it } from 'vitest'
import { wholeSpan } from '../../relay/connection/page.ts'
import type { NostrEvent } from '../../relay/event.ts'
import { createSubscriptions, type Subscription, type Subscriptions } from '../../relay/subscriptions.ts'
import { author } from './authors.ts'
import { filterOf } from './find.ts'

const alice = author(1)
const json = wholeSpan(Buffer.from('{}'))
let timeMs: number
let told: string[]
let errors: unknown[]
let subscriptions: Subscriptions
beforeEach(() => {
  timeMs = 0
  told = []
  errors = []
  // Each look at the clock takes a millisecond.
  subscriptions = createSubscriptions({ onError: error => errors.push(error), nowMs: () => timeMs++ })
})

function subscribe(name: string, deliver: (event: NostrEvent) => void = () => undefined): Subscription {
  const subscription: Subscription = {
    filters: [filterOf({ kinds: [1] })],
    deliver: event => {
      deliver(event)
      told.push(`${name} ${event.content}`)
    },
  }
  subscriptions.add(subscription)
  return subscription
}

const publish = (content: string) => subscriptions.publish(alice.sign({ content }), json)

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
    const last = all.at(-1)
    if (last !== undefined) subscriptions.remove(last)
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
