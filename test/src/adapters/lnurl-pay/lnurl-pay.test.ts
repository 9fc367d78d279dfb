import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { AddressUnavailable } from '../../../../src/adapters/lnurl-pay/failures.ts'
import { type AddressRequest, createLnurlPay } from '../../../../src/adapters/lnurl-pay/http.ts'
import { parseBolt11 } from '../../../../src/bolt11.ts'
import { createPublicLookup } from '../../../../src/bridge/public-lookup.ts'
import { collectingGarbage } from '../collect-garbage.ts'
import { never } from '../lightning/invoice-request.ts'
import type { Reply } from '../lightning/local-server.ts'
import { nobodysInvoice } from '../lightning/real/invoices.ts'
import { type Lies, type LnurlServer, startLnurlServer } from './lnurl-server.ts'

const time = 1_790_000_000
const now = () => time
const amountMsat = 21_000

let server: LnurlServer
beforeEach(async () => {
  server = await startLnurlServer({ now })
})
afterEach(() => server.close())

const ask = (changes: Partial<AddressRequest> = {}, options: object = {}, signal = never) =>
  createLnurlPay({ ...server.guard, port: server.port, now, ...options })(
    { lightningAddress: 'alice@pay.example.com', amountMsat, comment: null, currency: 'bcrt', ...changes },
    signal,
  )
const redirect = (location: string): Reply => ({
  stream: response => response.writeHead(302, { location }).end(),
})
const otherProtocol: Reply = {
  stream: ({ socket }) =>
    socket?.write('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n'),
}
const json = (value: unknown, status = 200): Reply => ({ status, json: value })

describe('asking a Lightning address', () => {
  it.each(['bc', 'tb', 'tbs', 'bcrt'])('takes an invoice of the network that it asks for: %s', async currency => {
    const wanted = { prefix: `ln${currency}`, amountMsat, timestamp: time, expirySeconds: 600 }
    const { bolt11 } = nobodysInvoice(wanted)
    server.lie({ invoice: json({ pr: bolt11, routes: [] }) })
    expect(await ask({ currency })).toMatchObject({ status: 'invoice', bolt11 })
  })

  it('gives an invoice of exactly the amount', async () => {
    const answer = await ask()
    if (answer.status !== 'invoice') throw new Error(answer.reason)
    expect(parseBolt11(answer.bolt11)).toMatchObject({ amountMsat, currency: 'bcrt' })
    expect(server.calls.map(({ path, query }) => `${path}?${query}`)).toEqual([
      '/.well-known/lnurlp/alice?',
      '/callback?user=alice&amount=21000',
    ])
  })

  it('says what is to be said', async () => {
    expect(await ask({ comment: 'thanks & a 🐼?' })).toMatchObject({ status: 'invoice' })
    expect(server.calls.at(-1)?.query.get('comment')).toBe('thanks & a 🐼?')
  })

  it.each([
    ['callback without a query', (url: string) => ({ callback: `${url}/callback#user` }), 'refused'],
    ['callback with a fragment', (url: string) => ({ callback: `${url}/callback?user=a#b` }), 'invoice'],
    [
      'callback on another host',
      (url: string) => ({ callback: `${url.replace('pay.', 'b.')}/callback?user=a` }),
      'invoice',
    ],
    ['no word of comments', () => ({ commentAllowed: undefined }), 'invoice'],
    ['more fields', () => ({ allowsNostr: true, payerData: {} }), 'invoice'],
    ['the least amount', () => ({ minSendable: amountMsat }), 'invoice'],
    ['the largest amount', () => ({ maxSendable: amountMsat }), 'invoice'],
    // lnurl/luds#234: wallets check neither, and many servers write no such hash, or another.
    ['other metadata', () => ({ metadata: 'none' }), 'invoice'],
  ])('takes terms as they come: %s', async (_case, terms, status) => {
    server.lie({ terms })
    expect(await ask()).toMatchObject({ status })
  })

  it('takes an invoice with a description instead of its hash', async () => {
    server.lie({ fields: { descriptionHash: null, description: 'for alice' } })
    expect(await ask()).toMatchObject({ status: 'invoice' })
  })

  it('follows a redirect, which is guarded like the address', async () => {
    server.lie({ pay: redirect(`https://b.example.com:${server.port}/.well-known/lnurlp/bob`) })
    expect(await ask()).toMatchObject({ status: 'invoice' })
    expect(server.lookedUp).toEqual(['pay.example.com', 'b.example.com', 'pay.example.com'])
  })
})

/** What is final, and what the customer is told. */
const refusals: [string, RegExp, Lies, Partial<AddressRequest>?][] = [
  ['a word of refusal', /refuses: not today$/, { pay: json({ status: 'ERROR', reason: 'not today' }) }],
  ['one with a status', /refuses: nobody$/, { pay: json({ status: 'ERROR', reason: 'nobody' }, 404) }],
  ['one without words', /does not say why/, { pay: json({ status: 'ERROR' }) }],
  ['one of many lines', /: a b$/, { invoice: json({ status: 'ERROR', reason: 'a\u0000\n\u202eb' }) }],
  ['one without end', /^.{50,160}…$/, { invoice: json({ status: 'ERROR', reason: 'no '.repeat(9_999) }) }],
  ['nobody there', /no such/, { pay: { status: 404, text: '<h1>Not found</h1>' } }],
  ['a page', /LUD-16 says$/, { pay: { status: 200, text: '<h1>Hello</h1>' } }],
  ['forbidden', /LUD-16 says$/, { pay: { status: 403, text: 'no' } }],
  ['a list', /LUD-06/, { pay: json([]) }],
  ['nothing', /LUD-06/, { pay: json(null) }],
  ['no tag', /LUD-06/, { terms: () => ({ tag: undefined }) }],
  ['another tag', /LUD-06/, { terms: () => ({ tag: 'withdrawRequest' }) }],
  ['no metadata', /LUD-06/, { terms: () => ({ metadata: undefined }) }],
  ['amounts as text', /LUD-06/, { terms: () => ({ maxSendable: '100000' }) }],
  ['no least amount', /LUD-06/, { terms: () => ({ minSendable: 0 }) }],
  ['too much', /no more than 20999 msat/, { terms: () => ({ maxSendable: amountMsat - 1 }) }],
  ['too little', /no less than 21001 msat/, { terms: () => ({ minSendable: amountMsat + 1 }) }],
  ['no comments', /takes no comment/, { terms: () => ({ commentAllowed: 0 }) }, { comment: 'hi' }],
  ['short comments', /at most 20/, {}, { comment: 'a comment of more than that' }],
  ['a callback that is none', /no URL/, { terms: () => ({ callback: 'alice' }) }],
  ['a callback without TLS', /not https/, { terms: () => ({ callback: 'http://pay.example.com/callback' }) }],
  ['a callback to another port', /port/, { terms: () => ({ callback: 'https://pay.example.com:22/callback' }) }],
  [
    'a callback to the port of https, which is another here',
    /port/,
    { terms: () => ({ callback: 'https://pay.example.com/' }) },
  ],
  ['a redirect to another port', /port/, { pay: redirect('https://pay.example.com:8443/') }],
  ['a callback to a file', /not https/, { terms: () => ({ callback: 'file:///etc/passwd' }) }],
  ['a callback with a password', /password/, { terms: () => ({ callback: 'https://a:b@pay.example.com/' }) }],
  ['a callback on Tor', /Tor/, { terms: () => ({ callback: 'https://abcdef.onion/callback' }) }],
  [
    'a callback without end',
    /too long/,
    { terms: () => ({ callback: `https://pay.example.com/${'a'.repeat(2_048)}` }) },
  ],
  ['a callback on loopback', /private/, { terms: () => ({ callback: 'https://127.0.0.1/callback' }) }],
  ['a callback on loopback, written otherwise', /private/, { terms: () => ({ callback: 'https://0x7f.1/callback' }) }],
  ['a callback on loopback by IPv6', /private/, { terms: () => ({ callback: 'https://[::1]/callback' }) }],
  ['a redirect to loopback', /private/, { pay: redirect('https://127.0.0.1/admin') }],
  ['a redirect without TLS', /not https/, { pay: redirect('http://pay.example.com/') }],
  ['a redirect to nowhere', /nowhere/, { pay: { stream: response => response.writeHead(302).end() } }],
  ['a redirect in a circle', /circle/, { pay: redirect('/.well-known/lnurlp/alice') }],
  ['an answer without end', /without end/, { pay: { status: 200, text: 'a'.repeat(200_000) } }],
  ['an invoice without end', /LUD-06/, { invoice: json({ pr: 'a'.repeat(4_097) }) }],
  ['no invoice', /LUD-06/, { invoice: json({ routes: [] }) }],
  ['an invoice that is none', /no Lightning invoice/, { invoice: json({ pr: 'lnbcrt1junk' }) }],
  ['more to pay', /another amount/, { fields: { amountMsat: amountMsat + 1 } }],
  ['less to pay', /another amount/, { fields: { amountMsat: 1 } }],
  ['an old invoice', /expired/, { fields: { timestamp: time - 600 } }],
  ['another network', /another network/, {}, { currency: 'bc' }],
]

describe('an address that does not give the invoice that was asked for', () => {
  it.each(refusals)('is not paid: %s', async (_case, reason, lies, changes = {}) => {
    server.lie(lies)
    expect(await ask(changes)).toEqual({ status: 'refused', reason: expect.stringMatching(reason) })
  })

  it('is not asked when it is none', async () => {
    expect(await ask({ lightningAddress: 'alice@exa mple' })).toMatchObject({ status: 'refused' })
    expect(await ask({ lightningAddress: 'alice@[::1]' })).toMatchObject({ status: 'refused' })
    expect(server.calls).toHaveLength(0)
  })
})

/** The same for all: whoever asks learns nothing of what is at an address. */
const noAnswer = new AddressUnavailable('its server does not answer')

describe('an address that does not answer now', () => {
  it.each<[string, () => void]>([
    ['is in trouble', () => server.lie({ pay: { status: 503, text: 'later' } })],
    ['is asked too often', () => server.lie({ invoice: json({}, 429) })],
    ['hangs up', () => server.fail('pay', 'unavailable')],
    ['hangs up later', () => server.fail('callback', 'drop-after')],
    ['changes the protocol', () => server.lie({ pay: otherProtocol })],
  ])('may later: it %s', async (_case, prepare) => {
    prepare()
    await expect(ask({}, { timeoutMs: 500 })).rejects.toEqual(noAnswer)
  })

  it.each<[string, () => void]>([
    ['does not begin', () => server.fail('callback', { delayMs: 2_000 })],
    ['stops in the middle', () => server.lie({ pay: { stream: response => response.writeHead(200).write('{') } })],
  ])('is asked no more when it takes too long: it %s', async (_case, prepare) => {
    prepare()
    expect(await collectingGarbage(ask({}, { timeoutMs: 300 }))).toEqual({
      status: 'refused',
      reason: noAnswer.message,
    })
  })

  it('is not waited for when nobody wants to know any more', async () => {
    server.fail('pay', { delayMs: 2_000 })
    await expect(ask({}, {}, AbortSignal.timeout(50))).rejects.toThrow(AddressUnavailable)
  })

  it('is not connected to when its host has a private address', async () => {
    const lookup = createPublicLookup(async () => [{ address: '127.0.0.1', family: 4 }])
    await expect(ask({}, { lookup })).rejects.toThrow(noAnswer)
    expect(server.calls).toHaveLength(0)
  })

  it('is not believed when it shows a certificate of somebody else', async () => {
    await expect(ask({ lightningAddress: 'alice@a.b.example.com' })).rejects.toThrow(noAnswer)
    await expect(ask({}, { authority: undefined })).rejects.toThrow(noAnswer)
    expect(server.calls).toHaveLength(0)
  })
})
