import { Registry } from 'prom-client'
import { describe, expect, it } from 'vitest'
import { byLabel, createExposition } from '../../../relay/metrics/exposition.ts'
import { numberOf, parseExposition } from './parse-exposition.ts'

function setUp() {
  const registry = new Registry()
  const errors: unknown[] = []
  return { registry, errors, exposition: createExposition(registry, error => errors.push(error)) }
}

describe('an exposition', () => {
  it('reads numbers when it is asked for them, and again each time', async () => {
    const { registry, exposition } = setUp()
    const counts = { a: 1, b: 2 }
    let now = 5
    exposition.counter({ name: 'things_total', help: 'Things.', labels: ['of'] }, () => byLabel(counts))
    exposition.gauge({ name: 'level', help: 'Level.' }, async () => now)
    parseExposition(await registry.metrics())
    counts.a = 7
    now = -3
    const families = parseExposition(await registry.metrics())
    expect(families.get('things_total')?.lines.map(({ labels, value }) => [labels.of, value])).toEqual([
      ['a', 7],
      ['b', 2],
    ])
    expect(numberOf(families, 'level')).toBe(-3)
  })

  it('leaves out what cannot be read and reports it', async () => {
    const { registry, errors, exposition } = setUp()
    let isBroken = false
    const read = () => {
      if (isBroken) throw new Error('the disk is gone')
      return 1
    }
    exposition.counter({ name: 'reads_total', help: 'Reads.' }, read)
    exposition.gauge({ name: 'reads', help: 'Reads.' }, read)
    exposition.gauge({ name: 'labelled', help: 'Reads.', labels: ['a'] }, () => [[read(), 'b']])
    exposition.gauge({ name: 'well', help: 'Well.' }, () => 2)
    expect(numberOf(parseExposition(await registry.metrics()), 'reads')).toBe(1)
    isBroken = true
    const families = parseExposition(await registry.metrics())
    expect(['reads_total', 'reads', 'labelled'].flatMap(name => families.get(name)?.lines)).toEqual([])
    expect(numberOf(families, 'well')).toBe(2)
    expect(errors).toHaveLength(3)
  })

  it('escapes what stands in a label', async () => {
    const { registry, exposition } = setUp()
    const text = 'a"b\\c\nd{}, e="f"'
    exposition.gauge({ name: 'odd', help: 'Odd.', labels: ['text'] }, () => [[1, text]])
    expect(parseExposition(await registry.metrics()).get('odd')?.lines).toEqual([
      { name: 'odd', labels: { text }, value: 1 },
    ])
  })
})

describe('the parser of these tests', () => {
  const head = '# HELP a_total A.\n# TYPE a_total counter\n'
  const histogram = '# HELP h H.\n# TYPE h histogram\n'

  it.each([
    ['no end', `${head}a_total 1`],
    ['no TYPE', 'a_total 1\n'],
    ['another name', `${head}b_total 1\n`],
    ['a counter of another name', '# HELP a A.\n# TYPE a counter\na 1\n'],
    ['twice', `${head}a_total 1\na_total 1\n`],
    ['twice, labels turned', `${head}a_total{a="1",b="2"} 1\na_total{b="2",a="1"} 1\n`],
    ['in pieces', `${head}a_total 1\n${head}a_total{a="1"} 1\n`],
    ['below zero', `${head}a_total -1\n`],
    ['no number', `${head}a_total one\n`],
    ['a bare quote', `${head}a_total{a="b"c"} 1\n`],
    ['a bad label', `${head}a_total{a-b="c"} 1\n`],
    ['no +Inf', `${histogram}h_bucket{le="1"} 1\nh_sum 1\nh_count 1\n`],
    ['falling buckets', `${histogram}h_bucket{le="1"} 2\nh_bucket{le="+Inf"} 1\nh_sum 1\nh_count 1\n`],
    ['no sum', `${histogram}h_bucket{le="+Inf"} 1\nh_count 1\n`],
  ])('refuses what has %s', (_case, text) => {
    expect(() => parseExposition(text)).toThrow()
  })
})
