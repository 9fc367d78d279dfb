import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseSync, Visitor } from 'oxc-parser'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { preventWords } from '../../../relay/policies/words.ts'
import { author, startTime } from '../authors.ts'
import type { Client } from '../client.ts'
import { eventOf, originOf } from '../policies/events.ts'
import { type Served, serveRelay } from '../serve-relay.ts'

const alice = author(1)

/** Every regular expression that is written down in a folder, with where it is. */
function expressionsIn(folder: string): [string, RegExp][] {
  const found: [string, RegExp][] = []
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    if (!name.endsWith('.ts')) continue
    const path = join(folder, name)
    const { program } = parseSync(path, readFileSync(path, 'utf8'))
    new Visitor({
      Literal: node => {
        if ('regex' in node && node.regex)
          found.push([`${path}: ${node.raw}`, new RegExp(node.regex.pattern, node.regex.flags)])
      },
    }).visit(program)
  }
  return found
}

const expressions = expressionsIn('relay')

/** Each is repeated, and then comes what spoils the match. */
const repeated = [
  '0',
  'a',
  'A',
  ' ',
  '\n',
  '-',
  '_',
  '.',
  ':',
  '/',
  '+',
  '=',
  '1:',
  'a.',
  'a ',
  '-a',
  '%41',
  'ä',
  '\u0301',
  '\ud800',
  '🐼',
  '\0',
]
const spoilers = ['', '!', '\0', '\n', '\ud800', 'g']
const lengths = [1_000, 20_000]

/** Processor time, which a loaded machine does not stretch. */
function workMs(run: () => void): number {
  const before = process.cpuUsage()
  run()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1_000
}

describe('every regular expression of the relay', () => {
  it('is looked at', () => {
    expect(expressions.length).toBeGreaterThan(15)
    const caught = workMs(() => /^(a+)+$/.test(`${'a'.repeat(24)}!`))
    const harmless = workMs(() => /^a+$/.test(`${'a'.repeat(24)}!`))
    expect(caught).toBeGreaterThan(harmless * 10)
  })

  it.each(expressions)('takes no longer than the text is long: %s', (_where, expression) => {
    const spent = workMs(() => {
      for (const unit of repeated) {
        for (const spoiler of spoilers) {
          for (const length of lengths) {
            expression.lastIndex = 0
            const text = unit.repeat(length / unit.length) + spoiler
            expression.test(text)
            // What is allowed to begin anywhere is tried from everywhere.
            text.replace(expression, '')
          }
        }
      }
    })
    expect(spent).toBeLessThan(3_000)
  })
})

describe('text of any kind', () => {
  let served: Served
  let client: Client
  beforeEach(async () => {
    served = await serveRelay({ searchedKinds: [1] })
    client = await served.connect()
  })
  afterEach(async () => {
    await served.close()
    expect(served.errors).toEqual([])
  })

  it.each([
    ['marks without end on one letter', `a${'\u0301\u0323'.repeat(10_000)}`],
    ['a letter that normalisation makes eighteen of', '\ufdfa'.repeat(15_000)],
    ['letters from right to left, and overrides', '\u202e\u05d0\u2066x\u2069'.repeat(3_000)],
    ['nothing that can be seen', '\u200b\u200d\ufeff\u2060'.repeat(3_000)],
    ['joined emoji', '👨‍👩‍👧‍👦'.repeat(1_500)],
    ['zeros', '\0'.repeat(8_000)],
    ['separators of lines', '\u2028\u2029\u0085\v\f\r\n'.repeat(3_000)],
    ['spaces only', ' \t\u00a0\u3000'.repeat(6_000)],
    ['one word without end', 'x'.repeat(60_000)],
    [
      'as many words as there is room for',
      Array.from({ length: 9_000 }, (_, index) => index.toString(36).padStart(4, 'w')).join(' '),
    ],
    ['what looks like the end of the message', '"]]}]["EOSE","x"]\\"'],
    ['what looks like an escape', '\\u0000\\ud800\\\\'],
  ])('comes back as it was, and is in nobody’s way: %s', async (_case, content) => {
    const value = [...content].slice(0, 300).join('')
    const event = alice.sign({
      content,
      tags: [
        ['t', value],
        ['d', value, value],
      ],
    })
    expect(await client.publish(event)).toEqual([true, ''])
    expect(await client.query({ '#t': [value] })).toEqual([event])
    expect(await client.query({ search: content.slice(0, 60) })).toEqual(expect.any(Array))
    const next = alice.sign({ content: 'panda', created_at: startTime + 1 })
    expect(await client.publish(next)).toEqual([true, ''])
    expect(await client.query({ search: 'panda' })).toEqual([next])
  })

  it('that looks alike is not the same', async () => {
    const values = ['é', 'e\u0301', 'É', '\u00a0', ' ', '', '\0', 'ﬁ', 'fi', 'ß', 'ss', 'İ', 'i̇']
    const events = values.map(value => alice.sign({ kind: 30_000, tags: [['d', value]] }))
    for (const event of events) expect(await client.publish(event)).toEqual([true, ''])
    for (const [index, value] of values.entries())
      expect(await client.query({ '#d': [value] })).toEqual([events[index]])
    const deletion = alice.sign({ kind: 5, tags: [['a', `30000:${alice.pubkey}:é`]] })
    await client.publish(deletion)
    expect(await client.query({ kinds: [30_000] })).toHaveLength(values.length - 1)
    expect(await client.query({ '#d': ['é'] })).toEqual([])
  })

  it.each(['\ud800', '\udc00x', '\u202e', '\u2028', '"', '\\', '",{}]', '\0'])(
    'in a subscription id comes back as it was: %j',
    async id => {
      const event = alice.sign()
      await client.publish(event)
      client.send('REQ', id, {})
      expect(await client.next()).toEqual(['EVENT', id, event])
      expect(await client.next()).toEqual(['EOSE', id, ['finish']])
    },
  )

  it('without end in an address costs a deletion nothing', async () => {
    const value = `${'1'.repeat(500)}:${'a'.repeat(500)}`
    const tags = Array.from({ length: 60 }, () => ['a', value])
    expect(await client.publish(alice.sign({ kind: 5, tags }))).toEqual([true, ''])
  })
})

describe('a word that is forbidden', () => {
  const refuses = preventWords(['panda', 'a'.repeat(30)])
  const origin = originOf()

  it.each([
    ['nearly, everywhere', 'a'.repeat(29).concat('b').repeat(2_000)],
    ['in pieces', 'p a n d '.repeat(7_000)],
    ['with marks without end', `p${'\u0301'.repeat(15_000)}${'\u0323'.repeat(15_000)}anda`],
    ['as letters of eighteen', '\ufdfa'.repeat(20_000)],
  ])('is looked for without taking long: %s', (_case, content) => {
    const event = eventOf({ content })
    expect(workMs(() => refuses(event, origin))).toBeLessThan(200)
  })
})
