import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, describe, expect, it } from 'vitest'
import { loadConfig } from '../../../src/config.ts'
import { openRates } from '../../../src/open-rates.ts'
import { settingsFromConfig } from '../../../src/settings-from-config.ts'
import type { Settings } from '../../../src/store/settings-row.ts'
import { never } from '../adapters/lightning/invoice-request.ts'

const directory = mkdtempSync(join(tmpdir(), 'panda-prices-'))
afterAll(() => rmSync(directory, { recursive: true }))

let files = 0
function load(yaml: string) {
  const file = join(directory, `${files++}.yaml`)
  writeFileSync(file, yaml)
  return loadConfig({ file, env: {}, flags: {} })
}

function settingsOf(loaded: ReturnType<typeof load>, coupons: Settings['coupons'] = [], time = 0) {
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  return settingsFromConfig(loaded.config, { websocketUrl: 'wss://a.example', operators: [], coupons, time })
}

describe('prices in a currency', () => {
  it('become minor units in the settings, and stand instead of satoshis', () => {
    const settings = settingsOf(
      load(`
domains:
  - {name: a.example, price: {currency: EUR, base: "4.99", perChar: "0.1"}}
  - {name: b.example, price: {currency: JPY, base: "500"}}
  - {name: c.example}
items:
  - {id: mug, description: a mug, price: {amount: "12.50", currency: USD}}
  - {id: tea, description: tea, priceSat: 3}
rates: {maxAgeSeconds: 300}
`),
    )
    expect(settings.domains).toMatchObject([
      { basePriceMsat: 0, pricePerCharMsat: 0, fiat: { currency: 'EUR', baseMinor: 499, perCharMinor: 10 } },
      { basePriceMsat: 0, pricePerCharMsat: 0, fiat: { currency: 'JPY', baseMinor: 500, perCharMinor: 0 } },
      { basePriceMsat: 1_000_000, pricePerCharMsat: 100_000, fiat: null },
    ])
    expect(settings.items).toMatchObject([
      { priceMsat: 0, fiat: { currency: 'USD', amountMinor: 1_250 } },
      { priceMsat: 3_000, fiat: null },
    ])
    expect(settings.rates).toEqual({ maxAgeSeconds: 300 })
  })

  it.each([
    ['domains: [{name: a, price: {currency: EUR, base: 4.99}}]', 'domains[0].price.base', 'in quotes'],
    ['domains: [{name: a, price: {currency: EUR, base: "4,99"}}]', 'domains[0].price.base', 'in quotes'],
    ['domains: [{name: a, price: {currency: JPY, base: "4.99"}}]', 'domains[0].price.base', 'JPY'],
    ['domains: [{name: a, price: {currency: EUR, base: "1000000.01"}}]', 'domains[0].price.base', 'at most'],
    ['domains: [{name: a, price: {currency: XBT, base: "1"}}]', 'domains[0].price.currency', 'EUR'],
    ['items: [{id: a, description: a}]', 'items[0].priceSat', 'either'],
    [
      'items: [{id: a, description: a, priceSat: 1, price: {amount: "1", currency: EUR}}]',
      'items[0].priceSat',
      'either',
    ],
    ['items: [{id: a, description: a, price: {amount: "-1", currency: EUR}}]', 'items[0].price.amount', 'in quotes'],
    ['coupons: [{code: AAA, percent: 1, items: [item:mug]}]', 'coupons[0].items[0]', 'something in items'],
    ['coupons: [{code: AAA, percent: 1, items: [mug]}]', 'coupons[0].items[0]', 'price list'],
    ['coupons: [{code: AAA, percent: 1, validDays: 0}]', 'coupons[0].validDays', '1'],
    ['coupons: [{code: AAA, percent: 1, validDays: 1, validUntil: 2030-01-01}]', 'coupons[0].validDays', 'either'],
    ['rates: {sources: [kraken]}', 'rates.sources', 'oneIsEnough'],
    ['rates: {sources: []}', 'rates.sources', 'oneIsEnough'],
    ['rates: {sources: [kraken, kraken]}', 'rates.sources', 'once'],
    ['rates: {sources: [kraken, mtgox]}', 'rates.sources[1]', 'coinbase'],
    ['rates: {maxAgeSeconds: 100, everySeconds: 60}', 'rates.everySeconds', 'half'],
    ['rates: {fixed: [{currency: EUR, perBitcoin: 50000}]}', 'rates.fixed[0].perBitcoin', 'in quotes'],
    ['rates: {fixed: [{currency: EUR, perBitcoin: "0"}]}', 'rates.fixed[0].perBitcoin', 'in quotes'],
  ])('%s is refused', (yaml, path, expected) => {
    const loaded = load(yaml)
    expect(loaded.ok ? [] : loaded.problems).toMatchObject([{ path, expected: expect.stringContaining(expected) }])
  })
})

describe('where rates come from', () => {
  const rates = (yaml: string) => {
    const loaded = load(yaml)
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
    return openRates(loaded.config, () => 7)
  }

  it('is who is named', () => {
    expect(rates('').name).toBe('coinbase+kraken')
    expect(rates('rates: {sources: [kraken], oneIsEnough: true}').name).toBe('kraken')
  })

  it('is the configuration, and nobody is asked, when that has rates', async () => {
    const fixed = rates('rates: {fixed: [{currency: EUR, perBitcoin: "50000"}]}')
    expect(await fixed.rate('EUR', never)).toEqual({ perBitcoin: '50000', sources: ['fixed'], observedAt: 7 })
  })
})

it('the demo has coupons to try, and something priced in a currency', () => {
  const file = fileURLToPath(new URL('../../../config/panda.demo.yaml', import.meta.url))
  const settings = settingsOf(loadConfig({ file, env: {}, flags: {} }), [], 1_000)
  const always = { amountMsat: null, usesPerAccount: 1, validFrom: 1_000, validUntil: 1_000 + 365 * 86_400 }
  expect(settings.coupons).toEqual([
    { ...always, code: 'WELCOME20', percent: 20, maxUses: 1_000, items: ['identifier', 'item:pro', 'item:enterprise'] },
    { ...always, code: 'STUDENT50', percent: 50, maxUses: 500, items: ['identifier', 'item:pro'] },
  ])
  expect(settings.items.map(({ fiat }) => fiat?.currency)).toEqual([undefined, 'EUR', 'USD', 'USD'])
})

describe('a coupon that is valid for some days', () => {
  const from = (days: string, coupons?: Settings['coupons'], time?: number) =>
    settingsOf(load(`coupons: [{code: AAA, percent: 1, ${days}}]`), coupons, time).coupons
  const dates = (coupons: Settings['coupons']) => coupons.map(({ validFrom, validUntil }) => [validFrom, validUntil])

  it('is so from when it is first applied, however often the service starts', () => {
    const first = from('validDays: 2', [], 1_000)
    const again = from('validDays: 2', first, 90_000)
    expect([dates(first), dates(again)]).toEqual([[[1_000, 173_800]], [[1_000, 173_800]]])
    expect(dates(from('validDays: 3', again, 90_000))).toEqual([[1_000, 260_200]])
  })

  it('is so from now on when it was valid always', () => {
    expect(dates(from('validDays: 1', from('maxUses: 1'), 5_000))).toEqual([[5_000, 91_400]])
  })
})
