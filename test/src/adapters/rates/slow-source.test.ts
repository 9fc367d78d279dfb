import { expect, it } from 'vitest'
import { createCoinbaseRates } from '../../../../src/adapters/rates/coinbase.ts'
import { createKrakenRates } from '../../../../src/adapters/rates/kraken.ts'
import { RateUnavailable } from '../../../../src/adapters/rates/port.ts'
import { collectingGarbage } from '../collect-garbage.ts'
import { never } from '../lightning/invoice-request.ts'
import { coinbase, kraken, servePlayed } from './serve.ts'

it.each([
  ['coinbase', coinbase, createCoinbaseRates],
  ['kraken', kraken, createKrakenRates],
])(
  '%s is not waited for when its answer never ends, whatever is collected meanwhile',
  async (_name, played, create) => {
    const server = await servePlayed(played)
    server.reply = () => ({
      stream: response => {
        response.writeHead(200).write('{')
        const dripping = setInterval(() => response.write(' '), 20)
        response.on('close', () => clearInterval(dripping))
      },
    })
    const source = create({ url: server.url, now: () => 1, timeoutMs: 300 })
    await expect(collectingGarbage(source.rate('EUR', never))).rejects.toThrow(RateUnavailable)
    await server.close()
  },
)
