import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type RateSource, RateUnavailable } from '../../../src/adapters/rates/port.ts'
import { currenciesInUse, observeRates, observeRatesRegularly } from '../../../src/jobs/rates.ts'
import { readHead } from '../../../src/store/log.ts'
import { tables } from '../../../src/store/tables.ts'
import { never } from '../adapters/lightning/invoice-request.ts'
import { differences } from '../pipeline/verify-log.ts'
import { openService, operator, type TestService, testSettings } from '../service.ts'

const mug = { id: 'mug', description: 'a mug', priceMsat: 0, fiat: { currency: 'EUR', amountMinor: 499 } }

let service: TestService
let said: string | null
let asked: string[]
let failures: unknown[]
beforeEach(async () => {
  service = await openService({ ...testSettings, items: [mug] })
  said = '50000'
  asked = []
  failures = []
})
afterEach(async () => {
  expect(service.errors).toEqual([])
  expect(await differences(service.environment, service.signer)).toEqual([])
  await service.close()
})

const source: RateSource = {
  name: 'test',
  rate: async currency => {
    asked.push(currency)
    if (said === null) throw new RateUnavailable('away')
    return { perBitcoin: said, sources: ['test'], observedAt: service.clock.time }
  },
}
const options = (signal = never) => ({
  environment: service.environment,
  source,
  appendFact: service.appendFact,
  minChangePermille: 5,
  maxAgeSeconds: 600,
  signal,
  onError: (error: unknown) => failures.push(error),
})
const observe = async (perBitcoin: string | null, afterSeconds = 0) => {
  service.clock.time += afterSeconds
  said = perBitcoin
  return observeRates(options())
}
const known = () => service.environment.reader.get(tables.rates, ['EUR'])

describe('looking at exchange rates', () => {
  it.each<[string, string, number, number]>([
    ['the same', '50000', 60, 0],
    ['a little more', '50249.99999999', 60, 0],
    ['a little less', '49750.00000001', 60, 0],
    ['more', '50250', 60, 1],
    ['less', '49750', 60, 1],
    ['the same, shortly before half of its age', '50000', 299, 0],
    ['the same, at half of its age', '50000', 300, 1],
    ['another one in the same second', '60000', 0, 0],
  ])('records what is news: %s', async (_what, perBitcoin, afterSeconds, recorded) => {
    expect(await observe('50000')).toBe(1)
    expect(await observe(perBitcoin, afterSeconds)).toBe(recorded)
    const observedAt = service.clock.time - (recorded === 1 ? 0 : afterSeconds)
    expect(known()).toEqual({ perBitcoin: recorded === 1 ? perBitcoin : '50000', sources: ['test'], observedAt })
  })

  it('does not let a slow drift pass unseen', async () => {
    await observe('50000')
    let recorded = 0
    for (let step = 1; step <= 10; step++) recorded += await observe(String(50_000 + step * 60), 1)
    expect(recorded).toBe(2)
  })

  it('leaves what is known as it is while nobody knows better', async () => {
    await observe('50000')
    const { seq } = readHead(service.environment)
    expect(await observe(null, 300)).toBe(0)
    expect(failures).toMatchObject([{ name: 'RateUnavailable' }])
    expect(readHead(service.environment).seq).toBe(seq)
    expect(await observe('50000')).toBe(1)
  })

  it('goes on with the other currencies when one cannot be had', async () => {
    const fiat = { currency: 'CHF', baseMinor: 100, perCharMinor: 0 }
    service.send(operator, 'domain.set_policy', { domain: 'example.com', fiat })
    const rate: RateSource['rate'] = async (currency, signal) =>
      currency === 'CHF' ? Promise.reject(new RateUnavailable('away')) : source.rate(currency, signal)
    expect(await observeRates({ ...options(), source: { name: 'half', rate } })).toBe(1)
    expect(failures).toHaveLength(1)
    expect(known()).toBeDefined()
  })

  it('asks for the currencies that something is priced in, each once, and for nothing when there is none', async () => {
    const fiat = { currency: 'CHF', baseMinor: 100, perCharMinor: 0 }
    for (const domain of ['example.com', 'free.example']) {
      service.send(operator, 'domain.set_policy', {
        domain,
        fiat: domain === 'example.com' ? fiat : null,
        basePriceMsat: 0,
        pricePerCharMsat: 0,
      })
    }
    await observe('50000')
    expect(asked).toEqual(['CHF', 'EUR'])
    const plain = await openService()
    expect(currenciesInUse(plain.environment)).toEqual([])
    await plain.close()
  })

  it('repeats until it is stopped, and then asks no more', async () => {
    const stopping = new AbortController()
    const rate: RateSource['rate'] = async (currency, signal) => {
      const found = await source.rate(currency, signal)
      if (asked.length === 3) stopping.abort()
      return found
    }
    await observeRatesRegularly({ ...options(stopping.signal), source: { name: 'test', rate }, everyMs: 1 })
    expect(asked).toEqual(['EUR', 'EUR', 'EUR'])
  })
})
