import { describe, expect, it } from 'vitest'
import { isNamed, qualityOf } from '../../../src/http/accept.ts'

const chrome = 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8'

describe('how much a type is wanted', () => {
  it.each<[string | undefined, string, number]>([
    [undefined, 'text/html', 1],
    ['', 'text/html', 0],
    ['*/*', 'text/html', 1],
    ['text/*;q=0.3', 'text/html', 0.3],
    ['text/*;q=0.3, text/html;q=0.7, */*;q=0.9', 'text/html', 0.7],
    ['*/*;q=0.9, text/*;q=0.3', 'text/html', 0.3],
    ['text/html;level=1;q=0.4', 'text/html', 0.4],
    ['TEXT/HTML', 'text/html', 1],
    ['text/html;q=0', 'text/html', 0],
    ['text/html;q=nonsense', 'text/html', 0],
    ['text/html;q=2', 'text/html', 0],
    ['text/html;q=-1', 'text/html', 0],
    ['text/htm', 'text/html', 0],
    [chrome, 'text/html', 1],
    [chrome, 'text/plain', 0.8],
    [`${'a/b,'.repeat(4_000)}text/html`, 'text/html', 0],
  ])('%s: %s at %d', (accept, type, quality) => {
    expect(qualityOf(accept, type)).toBe(quality)
  })

  it.each<[string | undefined, boolean]>([
    [undefined, false],
    ['*/*', false],
    ['text/*', false],
    ['application/json, Text/HTML ;q=0.1', true],
    ['text/html5', false],
  ])('is named by "%s": %s', (accept, named) => {
    expect(isNamed(accept, 'text/html')).toBe(named)
  })
})
