import { afterEach, beforeEach, expect, it } from 'vitest'
import { WebSocket } from 'ws'
import type { NostrEvent } from '../../relay/event.ts'
import { author, startTime } from './authors.ts'
import { type Served, serveRelay } from './serve-relay.ts'

const seed = 20_261_121
const rounds = 12
const authors = [author(1), author(2), author(3)]
let served: Served
const unhandled: unknown[] = []
const onUnhandled = (error: unknown) => void unhandled.push(error)
beforeEach(async () => {
  process.on('unhandledRejection', onUnhandled)
  served = await serveRelay({
    searchedKinds: [0, 1, 30_023],
    limits: { connectionsPerIp: 1_000, pauseAtBytes: 50_000, terminateAtBytes: 1_000_000 },
  })
})
afterEach(async () => {
  await served.close()
  process.off('unhandledRejection', onUnhandled)
})

/** Mulberry32: small, and the same everywhere. */
function randomOf(seed: number): (below: number) => number {
  let state = seed
  return below => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32) * below)
  }
}

const random = randomOf(seed)
const pick = <T>(list: readonly T[]): T => {
  const item = list[random(list.length)]
  if (item === undefined) throw new Error('nothing to pick from')
  return item
}

const scraps = [
  '{',
  '}',
  '[',
  ']',
  '"',
  ',',
  ':',
  '\\',
  '\\u0000',
  '\\ud800',
  '-0',
  '1e999',
  'null',
  '__proto__',
  '9'.repeat(400),
]

function makeEvent(): NostrEvent {
  const tags = Array.from({ length: random(4) }, () => [
    pick(['e', 'p', 'a', 'd', 't', '-', 'expiration', '']),
    pick([pick(authors).pubkey, String(startTime + random(3) - 1), 'x'.repeat(random(1_100)), '']),
  ])
  const kind = pick([0, 1, 4, 5, 6, 1_059, 10_002, 20_001, 22_242, 30_023, 65_535])
  return pick(authors).sign({ kind, created_at: startTime + random(5) - 2, tags, content: 'c'.repeat(random(3_000)) })
}

function makeFilter(): object {
  return {
    ...(random(2) ? { authors: [pick(authors).pubkey] } : {}),
    ...(random(3) ? {} : { kinds: [random(65_536), 1, 4] }),
    ...(random(3) ? {} : { '#t': ['', 'x'] }),
    ...(random(3) ? {} : { since: startTime, until: startTime + random(3) - 1 }),
    ...(random(3) ? {} : { limit: random(600) }),
    ...(random(4) ? {} : { search: pick(['ccc', 'c'.repeat(random(300)), 'x:y', '\ud800 漢', '']) }),
  }
}

function makeMessage(): string {
  const verb = random(13)
  if (verb < 4) return JSON.stringify(['EVENT', makeEvent()])
  if (verb < 7) return JSON.stringify(['REQ', `s${random(70)}`, ...Array.from({ length: random(4) }, makeFilter)])
  if (verb < 8 && random(2)) return JSON.stringify(['COUNT', `s${random(70)}`, makeFilter()])
  if (verb < 8) return JSON.stringify(['CLOSE', `s${random(70)}`])
  if (verb < 9) return JSON.stringify(['AUTH', makeEvent()])
  if (verb < 10) return JSON.stringify(['COUNT', `s${random(70)}`, makeFilter()])
  const message = `61${pick(['', '00', '0000020000', '01000000', `0000${'ff'.repeat(random(200))}`])}`
  if (verb < 11) return JSON.stringify(['NEG-OPEN', `n${random(4)}`, makeFilter(), message])
  if (verb < 12) return JSON.stringify(['NEG-MSG', `n${random(4)}`, message])
  return JSON.stringify([pick(['NEG-CLOSE', 'NEG-OPEN', 'COUNT', 'OK', 'EVENT', 'REQ']), makeFilter()])
}

/** The message with some of its characters gone, doubled, or replaced by something else. */
function mutate(message: string): string {
  let text = message
  for (let count = random(4); count > 0; count--) {
    const from = random(text.length + 1)
    const to = Math.min(text.length, from + random(20))
    text = text.slice(0, from) + pick([...scraps, text.slice(from, to).repeat(2)]) + text.slice(to)
  }
  return text
}

/** A client that sends what it likes, and then goes, waits, or stops reading. */
async function attack(): Promise<void> {
  const socket = new WebSocket(served.url)
  socket.on('error', () => undefined)
  await new Promise(resolve => socket.once('open', resolve).once('close', resolve))
  for (let count = random(60); count > 0 && socket.readyState === socket.OPEN; count--) {
    const message = mutate(makeMessage())
    const how = random(30)
    if (how === 0) socket.ping(message.slice(0, 30))
    else if (how === 1) socket.pause()
    else if (how === 2) socket.resume()
    else if (how === 3) socket.send(Buffer.from(message), { binary: true })
    else socket.send(message)
    if (random(20) === 0) await new Promise(setImmediate)
  }
  if (random(2)) return socket.terminate()
  // One that does not read would not see the end of the closing handshake.
  socket.resume()
  socket.close()
}

it(`is not impressed by broken messages (seed ${seed})`, async () => {
  const [alice] = authors
  const honest = await served.connect()
  for (let round = 0; round < rounds; round++) {
    await Promise.all(Array.from({ length: 8 }, attack))
    const event = pick(authors).sign({ kind: 7, content: `round ${round}` })
    expect(await honest.publish(event)).toEqual([true, ''])
    expect(await honest.query({ ids: [event.id] })).toEqual([event])
  }
  expect(alice && (await honest.query({ authors: [alice.pubkey], kinds: [7] })).length).toBeGreaterThan(0)
  for (const event of served.relay.find({})) {
    expect(event.kind < 20_000 || event.kind >= 30_000).toBe(true)
  }
  // What it has closed is closed when the next is answered.
  expect(await honest.publish(pick(authors).sign({ kind: 20_002 }))).toEqual([true, ''])
  for (let turns = 0; served.relay.stats().connections > 1 && turns < 500; turns++) {
    await new Promise(resolve => setTimeout(resolve, 10))
  }
  expect(served.relay.stats()).toMatchObject({ connections: 1, subscriptions: 0 })
  expect(served.errors).toEqual([])
  expect(unhandled).toEqual([])
})
