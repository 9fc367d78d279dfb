import { beforeEach, describe, expect, it } from 'vitest'
import { createInbox, type Inbox } from '../../../relay/connection/inbox.ts'
import { createPace } from '../../../relay/connection/pace.ts'

let timeMs: number
let turn: number
let handled: { text: string; turn: number }[]
let reading: string[]
let isBehind: boolean
let inbox: Inbox
beforeEach(() => {
  timeMs = 0
  turn = 0
  handled = []
  reading = []
  isBehind = false
  inbox = open()
})

/** A connection whose messages take a millisecond each, on a pace of 4. */
function open(isOver = createPace(4, () => timeMs)): Inbox {
  return createInbox({
    reading: { pause: () => reading.push('pause'), resume: () => reading.push('resume') },
    outlet: { holdWhileBehind: () => isBehind && reading.push('hold') },
    isOver,
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
    await turns(1)
    send(inbox, 'k')
    await turns(3)
    expect(handled.map(({ text }) => text).join('')).toBe('abcdefghijk')
    const ofTurn = new Map<number, number>()
    for (const one of handled) ofTurn.set(one.turn, (ofTurn.get(one.turn) ?? 0) + 1)
    expect(Math.max(...ofTurn.values())).toBe(4)
    expect(reading).toEqual(['pause', 'resume'])
  })

  it('share the turn with those of other connections', async () => {
    const isOver = createPace(4, () => timeMs)
    const [one, other] = [open(isOver), open(isOver)]
    send(one, '1', '1', '1')
    send(other, '2', '2', '2')
    expect(handled.map(({ text }) => text).join('')).toBe('1112')
    await turns(2)
    expect(handled.map(({ text }) => text).join('')).toBe('111222')
  })

  it('of a client that does not read are not read on', async () => {
    send(inbox, ...'abcdef')
    isBehind = true
    await turns(2)
    expect(handled).toHaveLength(6)
    // Each has its own reason not to read.
    expect(reading).toEqual(['pause', 'hold', 'resume'])
  })
})
