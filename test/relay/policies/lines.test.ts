import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createLineReader } from '../../../relay/policies/lines.ts'

function read(chunks: string[], options: { maxBytes: number; keepsBeginning?: boolean }): string[] {
  const lines: string[] = []
  const take = createLineReader({ ...options, onLine: line => lines.push(line) })
  for (const chunk of chunks) take(Buffer.from(chunk))
  return lines
}

describe('lines', () => {
  it.each<[string[], string[], string[]]>([
    [['a\nb\n'], ['a', 'b'], ['a', 'b']],
    [
      ['a', 'b\nc', '\n'],
      ['ab', 'c'],
      ['ab', 'c'],
    ],
    [['no end'], [], []],
    [['\n\n'], ['', ''], ['', '']],
    [['12345\n'], ['12345'], ['12345']],
    [['123456\n7\n'], ['7'], ['12345', '7']],
    [['123', '456', '789\n7\n'], ['7'], ['12345', '7']],
    [['1234', '56\n', '7\n'], ['7'], ['12345', '7']],
  ])('of %j are %j, or %j with long ones cut', (chunks, whole, cut) => {
    expect(read(chunks, { maxBytes: 5 })).toEqual(whole)
    expect(read(chunks, { maxBytes: 5, keepsBeginning: true })).toEqual(cut)
  })

  it('do not depend on how the text comes', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: fc.constantFrom('a', 'b', 'é', '\n'), maxLength: 12 })), chunks => {
        for (const keepsBeginning of [false, true]) {
          const options = { maxBytes: 4, keepsBeginning }
          expect(read(chunks, options)).toEqual(read([chunks.join('')], options))
        }
      }),
    )
  })
})
