import { describe, expect, it } from 'vitest'
import { withFittingDescription } from '../../../../src/adapters/lightning/description.ts'

const fitted = (description: string, maxDescriptionLength: number) =>
  withFittingDescription({ description }, { maxDescriptionLength }).description

describe('the description of an invoice', () => {
  it.each([
    ['nothing', '', 10, ''],
    ['what fits', '0123456789', 10, '0123456789'],
    ['one too long', '0123456789a', 10, '012345678…'],
    ['what fits in code units', '🐼🐼', 4, '🐼🐼'],
    ['a character of two units at the cut', 'ab🐼cdef', 4, 'ab…'],
    ['the same, which just fits', 'a🐼cdefg', 4, 'a🐼…'],
    ['as many bytes as an invoice holds', 'é'.repeat(319), 639, 'é'.repeat(319)],
    ['more bytes than an invoice holds', 'é'.repeat(320), 639, `${'é'.repeat(318)}…`],
  ])('fits: %s', (_case, description, most, expected) => {
    expect(fitted(description, most)).toBe(expected)
  })

  it('stays whole where its hash stands for it', () => {
    const request = { description: 'd'.repeat(1_000), descriptionHash: '00'.repeat(32) }
    expect(withFittingDescription(request, { maxDescriptionLength: 128 })).toBe(request)
  })
})
