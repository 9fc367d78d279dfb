import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { domainFault, formatIdentifier, nameFault, parseIdentifier } from '../../../src/protocol/names.ts'

const limits = { minLength: 2, maxLength: 8 }

describe('nameFault', () => {
  it.each(['ab', 'abcdefgh', 'a1', '42', 'a.b', 'a-b', 'a_b', '_a', 'a_', 'a--b', 'a.-b', 'xn-a', 'axn--b'])(
    'allows %s',
    name => {
      expect(nameFault(name, limits)).toBeNull()
    },
  )

  it.each([
    { name: '', fault: 'a name has at least 2 characters' },
    { name: 'a', fault: 'a name has at least 2 characters' },
    { name: 'abcdefghi', fault: 'a name has at most 8 characters' },
    { name: 'Ab', fault: 'a name is made of a-z, 0-9, "-", "_" and ".", not "A"' },
    { name: 'a b', fault: 'a name is made of a-z, 0-9, "-", "_" and ".", not " "' },
    { name: 'a+b', fault: 'a name is made of a-z, 0-9, "-", "_" and ".", not "+"' },
    { name: 'a\0b', fault: 'a name is made of a-z, 0-9, "-", "_" and ".", not "\\u0000"' },
    { name: 'mün', fault: 'a name is made of a-z, 0-9, "-", "_" and ".", not "ü"' },
    { name: 'a٣', fault: 'a name is made of a-z, 0-9, "-", "_" and ".", not "٣"' },
    { name: '.ab', fault: 'a name neither begins nor ends with "." or "-"' },
    { name: 'ab.', fault: 'a name neither begins nor ends with "." or "-"' },
    { name: '-ab', fault: 'a name neither begins nor ends with "." or "-"' },
    { name: 'ab-', fault: 'a name neither begins nor ends with "." or "-"' },
    { name: 'a..b', fault: 'a name has no two dots in a row' },
    { name: 'xn--a', fault: 'a name does not begin with "xn--"' },
  ])('says of $name: $fault', ({ name, fault }) => {
    expect(nameFault(name, limits)).toBe(fault)
  })

  it('allows nothing but what its rules describe', () => {
    const rules = /^(?!xn--)(?!.*\.\.)[a-z0-9_]([a-z0-9._-]*[a-z0-9_])?$/
    const anyName = fc.string({ unit: fc.constantFrom(...'abxn019._-AÄ \0'), minLength: 2, maxLength: 8 })
    fc.assert(fc.property(anyName, name => (nameFault(name, limits) === null) === rules.test(name)))
  })
})

describe('domainFault', () => {
  const label63 = 'a'.repeat(63)
  const domain253 = [label63, label63, label63, 'a'.repeat(61)].join('.')
  it.each(['example.com', 'localhost', 'a.b', '1.2', 'xn--mnchen-3ya.de', `${label63}.com`, domain253])(
    'allows %s',
    domain => {
      expect(domainFault(domain)).toBeNull()
    },
  )

  it.each([
    { domain: '', fault: 'a domain has 1 to 253 characters' },
    { domain: `${domain253}a`, fault: 'a domain has 1 to 253 characters' },
    { domain: '.com', fault: 'a domain label has 1 to 63 characters' },
    { domain: 'example.com.', fault: 'a domain label has 1 to 63 characters' },
    { domain: 'a..b', fault: 'a domain label has 1 to 63 characters' },
    { domain: `${label63}a.com`, fault: 'a domain label has 1 to 63 characters' },
    { domain: '-a.com', fault: 'a domain label neither begins nor ends with "-"' },
    { domain: 'a-.com', fault: 'a domain label neither begins nor ends with "-"' },
    { domain: 'a_b.com', fault: 'a domain label is made of a-z, 0-9 and "-"' },
    { domain: 'A.com', fault: 'a domain label is made of a-z, 0-9 and "-"' },
    { domain: 'a b.com', fault: 'a domain label is made of a-z, 0-9 and "-"' },
    { domain: 'a\0.com', fault: 'a domain label is made of a-z, 0-9 and "-"' },
  ])('says of $domain: $fault', ({ domain, fault }) => {
    expect(domainFault(domain)).toBe(fault)
  })
})

describe('parseIdentifier', () => {
  it.each([
    { text: 'alice@example.com', parsed: { name: 'alice', domain: 'example.com' } },
    { text: ' Alice@Example.COM\n', parsed: { name: 'alice', domain: 'example.com' } },
    { text: 'a!b@example.com', parsed: { name: 'a!b', domain: 'example.com' } },
    { text: '', parsed: null },
    { text: 'alice', parsed: null },
    { text: '@example.com', parsed: null },
    { text: 'alice@', parsed: null },
    { text: 'a@b@c', parsed: null },
    { text: 'alice@@example.com', parsed: null },
    { text: 'a\0b@example.com', parsed: null },
    { text: 'alice@exam\0ple.com', parsed: null },
    { text: 'alice@exam\nple.com', parsed: null },
    { text: 'al ice@example.com', parsed: null },
    { text: 'al\ud800ice@example.com', parsed: null },
  ])('reads $text', ({ text, parsed }) => {
    expect(parseIdentifier(text)).toEqual(parsed)
  })

  it('undoes formatIdentifier', () => {
    const part = fc.string({ unit: fc.constantFrom(...'abz019._-'), minLength: 1, maxLength: 20 })
    fc.assert(
      fc.property(part, part, (name, domain) => {
        expect(parseIdentifier(formatIdentifier({ name, domain }))).toEqual({ name, domain })
      }),
    )
  })
})
