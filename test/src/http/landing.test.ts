import { createHash } from 'node:crypto'
import { nip19 } from 'nostr-tools'
import { describe, expect, it } from 'vitest'
import { createHttpApp } from '../../../src/http/app.ts'
import { type Landing, landingHeaders, landingPage } from '../../../src/http/landing.ts'
import { alice, stubDeps } from './stub.ts'

const document = {
  name: 'Example',
  description: 'Names on Nostr.',
  self: alice,
  contact: 'mailto:operator@example.com',
  supported_nips: [1, 11, 42],
  version: '1.2.3',
  terms_of_service: 'https://example.com/terms?a=1&b=2',
  limitation: { max_message_length: 131_072, auth_required: false },
}
const domain = { name: 'example.com', basePriceMsat: 1_000_000, pricePerCharMsat: 100_500, open: true, fiat: null }
const inEuro = {
  ...domain,
  basePriceMsat: 0,
  pricePerCharMsat: 0,
  fiat: { currency: 'EUR', baseMinor: 499, perCharMinor: 5 },
}

function page(changes: Partial<Landing> = {}): string {
  const urls = { http: 'https://panda.example', websocket: 'wss://panda.example' }
  return landingPage({ document, urls, domains: [domain], ...changes })
}

const empty = new Set(['meta', '!doctype'])

/** The names of all elements; throws where one is not closed, an attribute is not quoted or a character not escaped. */
function elementsOf(html: string): Set<string> {
  const names = new Set<string>()
  const open: string[] = []
  const token = /<(\/?)(!?[a-z][a-z0-9]*)((?: [a-z-]+(?:="[^"<>]*")?)*)>|[^<>]+/gy
  let at = 0
  while (at < html.length) {
    token.lastIndex = at
    const match = token.exec(html)
    if (match === null) throw new Error(`no HTML: ${html.slice(at, at + 60)}`)
    const [text, closing, name] = match
    at += text.length
    if (name === undefined) {
      if (open.at(-1) !== 'style' && /&(?!#\d+;)/.test(text)) throw new Error(`not escaped: ${text}`)
      continue
    }
    names.add(name)
    if (closing === '/') {
      if (open.pop() !== name) throw new Error(`</${name}> closes another element`)
    } else if (!empty.has(name)) open.push(name)
  }
  if (open.length > 0) throw new Error(`not closed: ${open.join(' ')}`)
  return names
}

describe('the page for browsers', () => {
  it('is whole HTML without scripts or anything from elsewhere', () => {
    const html = page()
    expect(html).toMatch(/^<!doctype html>\n<html lang="en">/)
    const names = elementsOf(html)
    for (const name of ['title', 'h1', 'table']) expect(names).toContain(name)
    for (const name of ['script', 'img', 'link', 'iframe', 'form', 'object', 'base']) expect(names).not.toContain(name)
    expect(html).not.toMatch(/\b(src|srcset|on[a-z]+|style)=|url\(|@import/)
  })

  it('says what this is, where to connect and what a name costs', () => {
    const html = page()
    for (const text of ['Example', 'Names on Nostr.', nip19.npubEncode(alice), 'wss://panda.example', '1, 11, 42']) {
      expect(html).toContain(text)
    }
    expect(html).toContain('<a href="mailto:operator@example.com"')
    expect(html).toContain('href="https://example.com/terms?a=1&#38;b=2"')
    expect(html).toContain('<td>1000 and 100.5 for each character</td>')
    expect(html).toContain('<th scope="row">max message length</th><td>131072</td>')
    expect(html).toContain('identifier.register')
  })

  it.each([
    [{ ...domain, pricePerCharMsat: 0 }, '<td>1000</td>'],
    [{ ...domain, basePriceMsat: 0, pricePerCharMsat: 0 }, '<td>nothing</td>'],
    [{ ...inEuro, fiat: { ...inEuro.fiat, perCharMinor: 0 } }, '<td>4.99 EUR</td>'],
    [inEuro, '<td>4.99 EUR and 0.05 EUR for each character</td>'],
  ])('says the price of %o', (sold, expected) => {
    expect(page({ domains: [sold] })).toContain(expected)
  })

  it('offers nothing where nothing is sold', () => {
    const html = page({ domains: [{ ...domain, open: false }] })
    expect(html).not.toContain('example.com</td>')
    expect(html).not.toContain('Get a name')
    elementsOf(html)
  })

  it('is well-formed with a document that says next to nothing', () => {
    expect(elementsOf(page({ document: {}, domains: [] }))).toContain('h1')
  })

  const attack = `"><script>alert(1)</script><img src=x onerror='y'>&amp;</style></title>`

  it.each(['name', 'description', 'contact', 'version', 'posting_policy', 'terms_of_service'])(
    'lets no markup in by %s',
    field => {
      const html = page({ document: { ...document, [field]: attack } })
      expect(elementsOf(html)).not.toContain('script')
      expect(html).not.toContain('<img')
      expect(html).toContain('&#60;script&#62;')
    },
  )

  it('lets no markup in by URLs, domains, limits or NIPs', () => {
    const html = page({
      document: { ...document, supported_nips: [attack], limitation: { [attack]: attack } },
      urls: { http: attack, websocket: attack },
      domains: [{ ...domain, name: attack }],
    })
    expect(elementsOf(html)).not.toContain('script')
  })

  it.each([
    'javascript:alert(1)',
    'JaVaScRiPt:alert(1)',
    ' javascript:alert(1)',
    'data:text/html,x',
    'vbscript:x',
    '//evil.example',
    'https://',
    'operator at example.com',
  ])('makes no link of %s', contact => {
    const html = page({ document: { ...document, contact, terms_of_service: contact } })
    expect([...html.matchAll(/href="([^"]*)"/g)].map(([, href]) => href)).toEqual(['/v1/methods'])
  })

  it('keeps the shell command whole, whatever the domain', () => {
    expect(page({ domains: [{ ...domain, name: "a'; rm -rf ~; '" }] })).toContain('&#39;\\&#39;&#39;')
  })

  it('may use its own style and nothing else', () => {
    const [, style = ''] = /<style>(.*)<\/style>/s.exec(page()) ?? []
    const hash = createHash('sha256').update(style).digest('base64')
    const policy = landingHeaders['content-security-policy'] ?? ''
    expect(policy.split('; ').sort()).toEqual(
      [
        "base-uri 'none'",
        "default-src 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        `style-src 'sha256-${hash}'`,
      ].sort(),
    )
    expect(style).toContain('prefers-color-scheme')
  })
})

describe('GET /', () => {
  const app = createHttpApp(stubDeps())
  const chrome = 'text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8'

  it.each([
    [chrome, 'text/html; charset=utf-8'],
    ['text/html', 'text/html; charset=utf-8'],
    ['text/html;q=0.5, text/plain', 'text/plain; charset=utf-8'],
    ['text/html;q=0', 'text/plain; charset=utf-8'],
    ['*/*', 'text/plain; charset=utf-8'],
    ['text/*', 'text/plain; charset=utf-8'],
    ['image/png', 'text/plain; charset=utf-8'],
    ['', 'text/plain; charset=utf-8'],
    ['application/nostr+json', 'application/nostr+json'],
    ['Application/Nostr+JSON; charset=utf-8', 'application/nostr+json'],
    [`${chrome}, application/nostr+json;q=0.1`, 'application/nostr+json'],
    ['application/nostr+json;q=0, text/html', 'text/html; charset=utf-8'],
    ['application/nostr+json+rpc', 'text/plain; charset=utf-8'],
  ])('with Accept "%s" gives %s', async (accept, type) => {
    const response = await app.request('/', { headers: { accept } })
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe(type)
    expect(response.headers.get('vary')).toBe('Accept')
    expect(response.headers.get('access-control-allow-origin')).toBe('*')
    expect(response.headers.has('content-security-policy')).toBe(type.startsWith('text/html'))
  })

  it('repeats nothing of the request', async () => {
    const headers = {
      accept: chrome,
      host: 'evil.example',
      'x-forwarded-host': 'evil.example',
      referer: 'evil.example',
    }
    const response = await app.request('http://evil.example/?evil.example#evil.example', { headers })
    expect(response.headers.get('content-type')).toContain('text/html')
    expect(await response.text()).not.toContain('evil')
    expect(JSON.stringify([...response.headers])).not.toContain('evil')
  })

  it('answers HEAD with the same headers and no body', async () => {
    const response = await app.request('/', { method: 'HEAD', headers: { accept: chrome } })
    expect(response.headers.get('content-type')).toContain('text/html')
    expect(await response.text()).toBe('')
  })

  it.each([chrome, 'application/nostr+json'])(
    'makes what is asked for with "%s" at most once a second',
    async accept => {
      let nowMs = 0
      let made = 0
      const document = () => ({ name: `made ${++made}` })
      const deps = stubDeps({
        nowMs: () => nowMs,
        relayDocument: document,
        landing: () => ({ ...stubDeps().landing(), document: document() }),
      })
      const app = createHttpApp(deps)
      const ask = async () => /made \d+/.exec(await (await app.request('/', { headers: { accept } })).text())?.[0]
      expect([await ask(), await ask()]).toEqual(['made 1', 'made 1'])
      nowMs = 999
      expect(await ask()).toBe('made 1')
      nowMs = 1_000
      expect(await ask()).toBe('made 2')
      expect(made).toBe(2)
    },
  )
})
