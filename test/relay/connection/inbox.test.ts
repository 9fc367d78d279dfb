import { beforeEach, describe, expect, it } from 'vitest'
import { createInbox, type Inbox } from '../../../relay/connection/inbox.ts'
import { createRota } from '../../../relay/rota.ts'

let timeMs: number
let turn: number
let handled: { text: string; turn: number }[]
let reading: string[]
let isBehind: boolean
let hasRoom: boolean
let waiters: (() => void)[]
let inbox: Inbox
let metrics: { messagesWaiting: number }
beforeEach(() => {
  timeMs = 0
  turn = 0
  handled = []
  reading = []
  isBehind = false
  hasRoom = true
  waiters = []
  metrics = { messagesWaiting: 0 }
  inbox = open()
})

/** A connection whose messages take a millisecond each, four on a turn. */
function open(rota = createRota(4, () => timeMs)): Inbox {
  return createInbox({
    reading: { pause: () => reading.push('pause'), resume: () => reading.push('resume') },
    outlet: { holdWhileBehind: () => isBehind && reading.push('hold') },
    mustWait: data => String(data) === 'event' && !hasRoom,
    whenRoom: again => void waiters.push(again),
    rota,
    metrics,
    handle: data => {
      timeMs++
      handled.push({ text: String(data), turn })
    },
  })
}

const send = (to: Inbox, ...texts: string[]) => {
  for (const text of texts) to(Buffer.from(text), false)
}

/** Lets so many turns of the event loop pass. */
async function turns(count: number): Promise<void> {
  for (let index = 0; index < count; index++) {
    turn++
    await new Promise(setImmediate)
  }
}

describe('the messages of a connection', () => {
  it('are handled at once as long as their turn lasts', async () => {
    send(inbox, 'a', 'b', 'c', 'd')
    expect(handled.map(({ text }) => text).join('')).toBe('abcd')
    await turns(2)
    expect(reading).toEqual([])
  })

  it('beyond it wait for later turns, in their order, and nothing more is read meanwhile', async () => {
    send(inbox, ...'abcdefghij')
    expect(handled).toHaveLength(4)
    expect(reading).toEqual(['pause'])
    expect(metrics.messagesWaiting).toBe(6)
    await turns(1)
    send(inbox, 'k')
    await turns(3)
    expect(handled.map(({ text }) => text).join('')).toBe('abcdefghijk')
    const ofTurn = new Map<number, number>()
    for (const one of handled) ofTurn.set(one.turn, (ofTurn.get(one.turn) ?? 0) + 1)
    expect(Math.max(...ofTurn.values())).toBe(4)
    expect(reading).toEqual(['pause', 'resume'])
    expect(metrics.messagesWaiting).toBe(0)
  })

  it('take turns with those of other connections, however many one has sent', async () => {
    const rota = createRota(4, () => timeMs)
    const [one, other, third] = [open(rota), open(rota), open(rota)]
    send(one, ...'1'.repeat(12))
    send(other, '2', '2')
    send(third, '3', '3', '3')
    expect(handled.map(({ text }) => text).join('')).toBe('1111')
    await turns(1)
    expect(handled.map(({ text }) => text).join('')).toBe('11111231')
    await turns(3)
    expect(handled.map(({ text }) => text).join('')).toBe('11111231231311111')
  })

  it('come after those of others who wait already', async () => {
    const rota = createRota(4, () => timeMs)
    const [one, other] = [open(rota), open(rota)]
    send(one, ...'1'.repeat(9))
    await turns(1)
    send(other, '2')
    await turns(1)
    expect(handled.map(({ text }) => text).join('')).toBe('1111111112')
  })

  it('of a client that does not read are not read on', async () => {
    send(inbox, ...'abcdef')
    isBehind = true
    await turns(2)
    expect(handled).toHaveLength(6)
    // Each has its own reason not to read.
    expect(reading).toEqual(['pause', 'hold', 'resume'])
  })

  it('wait, with all that come after them, while there is no room for one; then they come in their order', async () => {
    hasRoom = false
    send(inbox, 'a', 'event', 'b', 'c')
    await turns(5)
    expect(handled.map(({ text }) => text)).toEqual(['a'])
    expect(reading).toEqual(['pause'])
    expect(waiters).toHaveLength(1)
    // Somebody else was faster.
    waiters.pop()?.()
    await turns(2)
    expect(waiters).toHaveLength(1)
    send(inbox, 'd')
    hasRoom = true
    waiters.pop()?.()
    await turns(3)
    expect(handled.map(({ text }) => text)).toEqual(['a', 'event', 'b', 'c', 'd'])
    expect(reading).toEqual(['pause', 'resume'])
    expect(metrics.messagesWaiting).toBe(0)
    expect(waiters).toEqual([])
  })
})
