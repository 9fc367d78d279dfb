import { type LocalServer, type Reply, startLocalServer } from '../lightning/local-server.ts'

/** How a source of rates is played: what it answers for a currency and price, as its documentation shows it. */
export type Played = {
  readonly name: string
  /** Path and query by which it is asked for euros. */
  readonly asked: string
  answer(currency: string, price: string): object
  /** What it says of a currency that it does not know. */
  readonly unknown: Reply
}

export const coinbase: Played = {
  name: 'coinbase',
  asked: '/v2/prices/BTC-EUR/spot?',
  answer: (currency, amount) => ({ data: { amount, base: 'BTC', currency } }),
  unknown: { status: 404, json: { errors: [{ id: 'not_found', message: 'Invalid base currency' }] } },
}

export const kraken: Played = {
  name: 'kraken',
  asked: '/0/public/Ticker?pair=XBTEUR',
  answer: (currency, price) => ({
    error: [],
    result: {
      // Pairs of the first days have prefixes, later ones have not.
      [currency === 'EUR' ? 'XXBTZEUR' : `XBT${currency}`]: {
        a: ['54322.00000', '1', '1.000'],
        b: ['54320.00000', '1', '1.000'],
        c: [price, '0.00012000'],
        v: ['101.1', '202.2'],
        p: ['54000.1', '54000.2'],
        t: [10, 20],
        l: ['53000.0', '53000.0'],
        h: ['55000.0', '55000.0'],
        o: '54100.00000',
      },
    },
  }),
  unknown: { status: 200, json: { error: ['EQuery:Unknown asset pair'] } },
}

/** A source on loopback whose next answers are set by a test. */
export type PlayedServer = LocalServer & {
  readonly url: string
  reply: (currency: string) => Reply
}

/** Starts a source that says `price` of every currency until it is told otherwise. */
export async function servePlayed(played: Played, price = '54321.5'): Promise<PlayedServer> {
  const server = await startLocalServer({
    kindOf: () => 'rate',
    handle: ({ path, query }) => {
      const pair = query.get('pair') ?? path.split('/')[3] ?? ''
      return state.reply(pair.replace(/^(XBT|BTC-)/, ''))
    },
  })
  const state: PlayedServer = {
    ...server,
    url: `http://127.0.0.1:${server.port}`,
    reply: currency => ({ status: 200, json: played.answer(currency, price) }),
  }
  return state
}
