import { Readable } from 'node:stream'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { splitLines } from '../../../relay/sync/lines.ts'

async function split(chunks: readonly Uint8Array[], maxBytes = 100): Promise<(string | null)[]> {
  const lines: (string | null)[] = []
  for await (const batch of splitLines(Readable.from(chunks), maxBytes)) {
    lines.push(...batch.map(line => line?.toString() ?? null))
  }
  return lines
}

describe('lines', () => {
  it.each([
    ['nothing', '', []],
    ['a line without an end', 'one', ['one']],
    ['an empty line', '\n', ['']],
    ['several', 'one\ntwo\n\nthree', ['one', 'two', '', 'three']],
    ['a line of the longest length', `${'x'.repeat(100)}\n`, ['x'.repeat(100)]],
    ['a longer line', `one\n${'x'.repeat(101)}\ntwo\n`, ['one', null, 'two']],
    ['a longer line at the end', `one\n${'x'.repeat(1_000)}`, ['one', null]],
  ])('are found in %s', async (_case, text, lines) => {
    expect(await split([Buffer.from(text)])).toEqual(lines)
  })

  it('are the same however the bytes are cut', async () => {
    const part = fc.oneof(fc.string({ maxLength: 60 }), fc.constantFrom('\n', 'ä€𝄞', 'x'.repeat(150)))
    const cuts = fc.array(fc.nat(400), { maxLength: 20 })
    await fc.assert(
      fc.asyncProperty(fc.array(part, { maxLength: 12 }), cuts, async (parts, places) => {
        const bytes = Buffer.from(parts.join(''))
        const ends = [...places.filter(place => place < bytes.length), bytes.length].sort((a, b) => a - b)
        const chunks = ends.map((end, index) => bytes.subarray(ends[index - 1] ?? 0, end))
        expect(await split(chunks)).toEqual(await split([bytes]))
      }),
    )
  })

  it('take no memory for what is too long', async () => {
    const chunk = Buffer.alloc(65_536, 0x78)
    const endless = async function* () {
      for (let sent = 0; sent < 2_000; sent++) yield chunk
      yield Buffer.from('\nafter')
    }
    const before = process.memoryUsage().arrayBuffers
    let most = 0
    const lines: (string | null)[] = []
    for await (const batch of splitLines(endless(), 100_000)) {
      most = Math.max(most, process.memoryUsage().arrayBuffers - before)
      lines.push(...batch.map(line => line?.toString() ?? null))
    }
    expect(lines).toEqual([null, 'after'])
    expect(most).toBeLessThan(2_000_000)
  })
})
