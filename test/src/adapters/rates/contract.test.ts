import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createCoinbaseRates } from '../../../../src/adapters/rates/coinbase.ts'
import { createCrossCheckedRates } from '../../../../src/adapters/rates/cross-checked.ts'
import { createFixedRates } from '../../../../src/adapters/rates/fixed.ts'
import { createKrakenRates } from '../../../../src/adapters/rates/kraken.ts'
import { type RateSource, RateUnavailable } from '../../../../src/adapters/rates/port.ts'
import { perBitcoin } from '../../../../src/protocol/exchange-rate.ts'
import { never } from '../lightning/invoice-request.ts'
import { coinbase, kraken, type Played, type PlayedServer, servePlayed } from './serve.ts'

const now = () => 1_790_000_000
type Opened = { source: RateSource; names: string[]; close(): Promise<void> }

async function overHttp(
  played: Played,
  create: (options: { url: string; now(): number }) => RateSource,
): Promise<Opened> {
  const server = await servePlayed(played)
  return { source: create({ url: server.url, now }), names: [played.name], close: server.close }
}

const fixed = () => createFixedRates({ rates: [{ currency: 'EUR', perBitcoin: '054321.50' }], now })

async function crossChecked(): Promise<Opened> {
  const parts = [await overHttp(coinbase, createCoinbaseRates), await overHttp(kraken, createKrakenRates)]
  const source = createCrossCheckedRates({
    sources: parts.map(part => part.source),
    maxDifferencePermille: 20,
    maxAgeSeconds: 600,
    oneIsEnough: false,
    now,
  })
  const close = async () => void (await Promise.all(parts.map(part => part.close())))
  return { source, names: ['coinbase', 'kraken'], close }
}

describe.each<[string, () => Promise<Opened>]>([
  ['fixed', async () => ({ source: fixed(), names: ['fixed'], close: async () => undefined })],
  ['coinbase', () => overHttp(coinbase, createCoinbaseRates)],
  ['kraken', () => overHttp(kraken, createKrakenRates)],
  ['cross-checked', crossChecked],
])('a source of rates: %s', (_name, open) => {
  let opened: Opened
  beforeEach(async () => {
    opened = await open()
  })
  afterEach(() => opened.close())

  it('says what a bitcoin costs, who says so, and when', async () => {
    const rate = await opened.source.rate('EUR', never)
    expect(rate).toEqual({ perBitcoin: '54321.5', sources: opened.names, observedAt: now() })
    expect(perBitcoin.safeParse(rate.perBitcoin).success).toBe(true)
  })

  it('is asked several times at once', async () => {
    const rates = await Promise.all([1, 2, 3].map(() => opened.source.rate('EUR', never)))
    expect(rates.map(rate => rate.perBitcoin)).toEqual(['54321.5', '54321.5', '54321.5'])
  })

  it('says nothing to whom has stopped listening', async () => {
    await expect(opened.source.rate('EUR', AbortSignal.abort())).rejects.toThrow(RateUnavailable)
  })

  it('has a short name without an address', () => {
    expect(opened.source.name).toMatch(/^[a-z+-]{1,32}$/)
  })
})

describe('fixed rates', () => {
  it('are those that are set, and no others', async () => {
    await expect(fixed().rate('USD', never)).rejects.toThrow(RateUnavailable)
  })
})

describe.each<[Played, typeof createCoinbaseRates]>([
  [coinbase, createCoinbaseRates],
  [kraken, createKrakenRates],
])('over HTTP, $name', (played, create) => {
  let server: PlayedServer
  beforeEach(async () => {
    server = await servePlayed(played)
  })
  afterEach(() => server.close())

  const rate = (currency = 'EUR', signal = never) => create({ url: server.url, now }).rate(currency, signal)
  const price = async (text: string) => {
    server.reply = currency => ({ status: 200, json: played.answer(currency, text) })
    return (await rate()).perBitcoin
  }

  it('is asked for one pair, without a key', async () => {
    await rate()
    const [call] = server.calls
    expect(`${call?.path}?${call?.query}`).toBe(played.asked)
    expect(call?.headers).not.toHaveProperty('authorization')
  })

  it('knows currencies by their codes', async () => {
    for (const currency of ['CHF', 'EUR', 'JPY']) expect((await rate(currency)).perBitcoin).toBe('54321.5')
  })

  it.each([
    ['54321', '54321'],
    ['54321.00000', '54321'],
    ['0054321.10', '54321.1'],
    ['8123456.123456789', '8123456.12345678'],
    ['999999999999.99999999', '999999999999.99999999'],
    ['1', '1'],
  ])('means %s by %s', async (text, meant) => {
    expect(await price(text)).toBe(meant)
  })

  it.each([
    '0',
    '0.00',
    '-54321.5',
    'NaN',
    'Infinity',
    '5.4e4',
    '',
    ' 54321',
    '54,321',
    '0x10',
    '٥٤٣٢١',
    '1000000000000',
    '0.99',
  ])('is not believed when it says %j', async text => {
    await expect(price(text)).rejects.toThrow(RateUnavailable)
  })

  it('is not believed when it gives a number for a decimal, since that has been a float', async () => {
    const body = JSON.stringify(played.answer('EUR', '54321.5')).replace('"54321.5"', '54321.5')
    server.reply = () => ({ status: 200, text: body })
    await expect(rate()).rejects.toThrow('not as documented')
  })

  it('is not believed when it tells of another pair', async () => {
    server.reply = () => ({ status: 200, json: played.answer('USD', '54321.5') })
    await expect(rate()).rejects.toThrow('something else')
  })

  it.each<[string, (server: PlayedServer) => void]>([
    ['does not know the currency', server => (server.reply = () => played.unknown)],
    ['is down', server => (server.reply = () => ({ status: 503, text: 'down' }))],
    ['counts requests', server => (server.reply = () => ({ status: 429, json: {} }))],
    ['sends no JSON', server => (server.reply = () => ({ status: 200, text: '<html>' }))],
    ['sends other JSON', server => (server.reply = () => ({ status: 200, json: [null] }))],
    ['sends nothing', server => (server.reply = () => ({ status: 200, text: '' }))],
    ['breaks off', server => server.fail('rate', 'unavailable')],
    [
      'leads elsewhere',
      server => (server.reply = () => ({ stream: response => response.writeHead(302, { location: '/' }).end() })),
    ],
    [
      'never ends',
      server =>
        (server.reply = () => ({
          stream: response => {
            const more = () => void (response.destroyed || response.write('9'.repeat(16_384), more))
            response.writeHead(200)
            more()
          },
        })),
    ],
  ])('has no rate when it %s', async (_what, happens) => {
    happens(server)
    await expect(rate()).rejects.toThrow(RateUnavailable)
  })

  it('has no rate when it is slower than we wait', async () => {
    const asked = new AbortController()
    server.reply = () => ({ stream: () => asked.abort() })
    await expect(rate('EUR', asked.signal)).rejects.toThrow(RateUnavailable)
  })

  it('says in no error where it is', async () => {
    await server.close()
    const error = await rate().catch((thrown: unknown) => thrown)
    expect(String(error)).not.toContain(String(server.port))
  })
})
