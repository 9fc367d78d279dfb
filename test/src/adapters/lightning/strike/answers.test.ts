import { afterEach, describe, expect, it } from 'vitest'
import { LightningUnavailable } from '../../../../../src/adapters/lightning/port.ts'
import { createStrikeBackend } from '../../../../../src/adapters/lightning/strike/backend.ts'
import { never, requestOf, sha256 } from '../invoice-request.ts'
import { type Call, type LocalServer, type Reply, startLocalServer } from '../local-server.ts'

const now = () => 1_790_000_000
const apiKey = 'ab'.repeat(32)
const paymentHash = sha256('a payment')
const id = '6b91e56d-fce9-4eec-995f-1d08fe6ba380'
const bitcoin = { amount: '0.00021000', currency: 'BTC' }

const request = {
  receiveRequestId: id,
  created: '2026-09-21T14:13:20+00:00',
  bolt11: { invoice: 'lnbc1', paymentHash, expires: '2026-09-21T14:28:20+00:00' },
}
const receive = {
  ...{ receiveId: id, receiveRequestId: id, type: 'LIGHTNING', state: 'COMPLETED', amountReceived: bitcoin },
  ...{ created: '2026-09-21T14:13:20+00:00', completed: '2026-09-21T14:13:21+00:00' },
  lightning: { invoice: 'lnbc1', paymentHash, preimage: 'ab'.repeat(32) },
}
const payment = { paymentId: id, state: 'COMPLETED', amount: bitcoin, totalAmount: bitcoin }
const ok = (json: unknown): Reply => ({ status: 200, json })
const page = (...items: object[]): Reply => ok({ items, count: items.length })

describe('the Strike adapter', () => {
  let server: LocalServer | undefined
  afterEach(() => server?.close())

  const connect = async (handle: (call: Call) => Reply | Promise<Reply>) => {
    server = await startLocalServer({ kindOf: ({ path }) => path, handle })
    return createStrikeBackend({ url: `http://127.0.0.1:${server.port}`, apiKey, now })
  }

  const useless: [string, Reply][] = [
    ['a page for people', { status: 200, text: '<html>Log in</html>' }],
    ['half of JSON', { status: 200, text: '{"items": [{' }],
    ['nothing', { status: 200, text: '' }],
    ['a number', ok(7)],
    ['that the key is wrong', { status: 401, json: { data: { status: 401, code: 'UNAUTHORIZED' } } }],
    ['that it lacks a scope', { status: 403, json: { data: { status: 403, code: 'FORBIDDEN' } } }],
    ['that it is asked too often', { status: 429, json: { data: { status: 429, code: 'RATE_LIMIT_EXCEEDED' } } }],
    ['that it is asked too often, by a proxy', { status: 429, text: 'slow down' }],
    ['an error', { status: 500, json: { data: { status: 500, code: 'INTERNAL_SERVER_ERROR' } } }],
    ['that it is away', { status: 503, text: '' }],
    ['a refusal', { status: 422, json: { data: { status: 422, code: 'CURRENCY_UNSUPPORTED' } } }],
    ['a refusal without a code', { status: 422, json: { message: 'no' } }],
    ['that nothing is there', { status: 404, text: '<html>Not found</html>' }],
  ]
  it.each(useless)('has nothing to say when Strike answers: %s', async (_case, reply) => {
    const backend = await connect(() => reply)
    await expect(backend.check(never)).rejects.toThrow(LightningUnavailable)
    await expect(backend.balanceMsat(never)).rejects.toThrow(LightningUnavailable)
    await expect(backend.createInvoice(requestOf(), never)).rejects.toThrow(LightningUnavailable)
    await expect(backend.lookUpInvoice(paymentHash, never)).rejects.toThrow(LightningUnavailable)
    await expect(backend.lookUpPayment({ idempotencyKey: 'p', paymentHash }, never)).rejects.toThrow(
      LightningUnavailable,
    )
    const stream = backend.incoming(null, never)[Symbol.asyncIterator]()
    await expect(stream.next()).rejects.toThrow(LightningUnavailable)
  })

  const receiveWith = (changes: object) => [page(request), page({ ...receive, ...changes })] as const
  const states: [string, readonly [Reply, Reply]][] = [
    ['an amount that is a number', receiveWith({ amountReceived: { amount: 0.00021, currency: 'BTC' } })],
    ['an amount with an exponent', receiveWith({ amountReceived: { amount: '2.1e-4', currency: 'BTC' } })],
    ['an amount beyond what is exact', receiveWith({ amountReceived: { amount: '21000000.0', currency: 'BTC' } })],
    ['other money', receiveWith({ amountReceived: { amount: '12.50', currency: 'USD' } })],
    ['a time that is none', receiveWith({ completed: 'yesterday' })],
    ['no state', receiveWith({ state: null })],
    ['an id that is a path', [page({ ...request, receiveRequestId: '../balances' }), page(receive)]],
    ['another invoice', [page({ ...request, bolt11: { ...request.bolt11, paymentHash: sha256('b') } }), page(receive)]],
  ]
  it.each(states)('has no state of an invoice: %s', async (_case, [first, second]) => {
    const backend = await connect(({ path }) => (path.endsWith('/receives') ? second : first))
    await expect(backend.lookUpInvoice(paymentHash, never)).rejects.toThrow(LightningUnavailable)
  })

  it.each([
    ['an amount that is a number', { ...payment, totalAmount: { amount: 1, currency: 'BTC' } }],
    ['other money', { ...payment, amount: { amount: '1', currency: 'USD' } }],
    ['a state nobody knows', { ...payment, state: 'SUCCESS' }],
    ['no id', { ...payment, paymentId: null }],
  ])('has no outcome of a payment: %s', async (_case, answer) => {
    const entry = { invoiceId: id, description: id }
    const backend = await connect(({ path, query }) => {
      const [, correlationId] = /'(.*)'/.exec(query.get('$filter') ?? '') ?? []
      return path === '/v1/invoices' ? page({ ...entry, correlationId }) : ok(answer)
    })
    await expect(backend.lookUpPayment({ idempotencyKey: 'p', paymentHash }, never)).rejects.toThrow(
      LightningUnavailable,
    )
  })

  it('does not take what it finds for what it looked for', async () => {
    const backend = await connect(() => page({ correlationId: 'of somebody else', description: id }))
    await expect(backend.createInvoice(requestOf(), never)).rejects.toThrow('by their correlation id')
  })

  it('has no balance of an account without bitcoin', async () => {
    const backend = await connect(() => ok([{ currency: 'USD', available: '12.50' }]))
    await expect(backend.balanceMsat(never)).rejects.toThrow('no balance in bitcoin')
  })

  it('ends an answer that goes on for ever', async () => {
    const backend = await connect(() => ({
      stream: response => {
        const more = () => {
          while (response.write('x'.repeat(65_536)));
        }
        response.on('drain', more)
        more()
      },
    }))
    await expect(backend.check(never)).rejects.toThrow(/without end/)
  })

  it('waits no longer than the signal says', async () => {
    const backend = await connect(() => new Promise<Reply>(() => undefined))
    await expect(backend.check(AbortSignal.timeout(20))).rejects.toThrow(LightningUnavailable)
  })

  it('follows no redirect', async () => {
    const paths: string[] = []
    const backend = await connect(({ path }) => {
      paths.push(path)
      return { stream: response => response.writeHead(307, { location: '/elsewhere' }).end() }
    })
    await expect(backend.check(never)).rejects.toThrow(/307/)
    expect(paths).toEqual(['/v1/balances'])
  })

  it('never shows the key, whatever is answered', async () => {
    for (const [, reply] of useless) {
      const backend = await connect(({ headers }) => {
        const code = headers.authorization
        return 'json' in reply ? { ...reply, json: { data: { status: reply.status, code, message: code } } } : reply
      })
      const error: unknown = await backend.check(never).catch(error => error)
      expect(error).toBeInstanceOf(LightningUnavailable)
      expect(`${error} ${(error as Error).stack} ${JSON.stringify((error as Error).cause)}`).not.toContain(apiKey)
      await server?.close()
    }
  })
})
