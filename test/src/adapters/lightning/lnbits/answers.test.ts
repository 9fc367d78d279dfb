import { afterEach, describe, expect, it } from 'vitest'
import { createLnbitsBackend } from '../../../../../src/adapters/lightning/lnbits/backend.ts'
import { LightningUnavailable } from '../../../../../src/adapters/lightning/port.ts'
import { never, requestOf, sha256 } from '../invoice-request.ts'
import { type Call, type LocalServer, type Reply, startLocalServer } from '../local-server.ts'
import { openDevWallet } from '../open-dev-wallet.ts'

const now = () => 1_790_000_000
const hash = sha256('a payment')
const invoiceKey = '1a'.repeat(16)
const adminKey = '2b'.repeat(16)

const line = {
  ...{ checking_id: hash, payment_hash: hash, wallet_id: 'w', amount: 21_000, fee: 0, bolt11: 'lnbc1', memo: '' },
  ...{ status: 'success', preimage: 'ab'.repeat(32), extra: {}, tag: null },
  ...{ time: '2026-09-21T14:13:20+00:00', updated_at: '2026-09-21T14:13:20+00:00' },
}
const details = (changes: object): Reply => ({
  status: 200,
  json: { paid: true, preimage: line.preimage, details: { ...line, ...changes } },
})

describe('the LNbits adapter, given an answer that is not as documented', () => {
  let server: LocalServer | undefined
  afterEach(() => server?.close())

  const connect = async (handle: (call: Call) => Reply | Promise<Reply>) => {
    server = await startLocalServer({ kindOf: ({ path }) => path, handle })
    return createLnbitsBackend({ url: `http://127.0.0.1:${server.port}`, invoiceKey, adminKey, now })
  }

  const malformed: [string, Reply][] = [
    ['an amount that is text', details({ amount: '21000' })],
    ['an amount beyond what is exact', details({ amount: 1e300 })],
    ['a fraction of a millisatoshi', details({ amount: 0.5 })],
    ['no amount', details({ amount: null })],
    ['a state nobody knows', details({ status: 'settled' })],
    ['no state', details({ status: null })],
    ['a hash that is none', details({ payment_hash: 'abc' })],
    ['another payment', details({ payment_hash: 'cd'.repeat(32) })],
    ['a time that is none', details({ time: 'yesterday' })],
    ['no details, as for a key it does not know', { status: 200, json: { paid: true, preimage: line.preimage } }],
    ['nothing but a number', { status: 200, json: 7 }],
    ['half of JSON', { status: 200, text: '{"paid": true, "det' }],
    ['nothing', { status: 200, text: '' }],
    ['a page for people', { status: 200, text: '<html>Log in</html>' }],
    ['a page for people that nothing is found', { status: 404, text: '<html>Not found</html>' }],
    ['that there is no such address', { status: 404, json: { detail: 'Not Found' } }],
    ['an error', { status: 500, json: { detail: 'database is locked' } }],
    ['that it is asked too often', { status: 429, json: { detail: 'Rate limit exceeded' } }],
    ['a state by which it is elsewhere', { status: 302, text: '' }],
  ]

  it.each(malformed)('has no state of an invoice: %s', async (_case, reply) => {
    const backend = await connect(() => reply)
    await expect(backend.lookUpInvoice(hash, never)).rejects.toThrow(LightningUnavailable)
  })

  it.each(malformed)('has no outcome of a payment: %s', async (_case, reply) => {
    const backend = await connect(() => reply)
    const asked = { idempotencyKey: 'payment', paymentHash: hash }
    await expect(backend.lookUpPayment(asked, never)).rejects.toThrow(LightningUnavailable)
  })

  it.each(malformed)('makes no invoice and has no balance: %s', async (_case, reply) => {
    const backend = await connect(() => reply)
    await expect(backend.createInvoice(requestOf(), never)).rejects.toThrow(LightningUnavailable)
    await expect(backend.balanceMsat(never)).rejects.toThrow(LightningUnavailable)
    await expect(backend.capabilities(never)).rejects.toThrow(LightningUnavailable)
    await expect(backend.check(never)).rejects.toThrow(LightningUnavailable)
  })

  it('ends one that goes on for ever', async () => {
    const backend = await connect(() => ({
      stream: response => {
        const more = () => {
          while (response.write('x'.repeat(65_536)));
        }
        response.on('drain', more)
        more()
      },
    }))
    await expect(backend.lookUpInvoice(hash, never)).rejects.toThrow(/without end/)
  })

  it('waits no longer than the signal says', async () => {
    const backend = await connect(() => new Promise<Reply>(() => undefined))
    await expect(backend.lookUpInvoice(hash, AbortSignal.timeout(20))).rejects.toThrow(LightningUnavailable)
  })

  it('follows no redirect', async () => {
    let followed = 0
    const other = await startLocalServer({
      kindOf: () => '',
      handle: () => {
        followed++
        return details({})
      },
    })
    const backend = await connect(() => ({
      stream: response => response.writeHead(307, { location: `http://127.0.0.1:${other.port}/` }).end(),
    }))
    await expect(backend.lookUpInvoice(hash, never)).rejects.toThrow(/307/)
    await other.close()
    expect(followed).toBe(0)
  })

  it('never shows a key, whatever is answered', async () => {
    for (const [, reply] of malformed) {
      const backend = await connect(({ headers }) =>
        'json' in reply ? { ...reply, json: { detail: headers['x-api-key'] } } : reply,
      )
      const error: unknown = await backend.check(never).catch(error => error)
      const shown = JSON.stringify([String(error), error, (error as Error).stack, (error as Error).cause])
      expect(shown).not.toContain(invoiceKey)
      await server?.close()
    }
    const away = createLnbitsBackend({ url: 'http://127.0.0.1:1', invoiceKey, adminKey, now })
    const stream = away.incoming(null, never)[Symbol.asyncIterator]()
    const error: unknown = await stream.next().catch(error => error)
    expect(error).toBeInstanceOf(LightningUnavailable)
    expect(`${error} ${(error as Error).stack} ${away.name}`).not.toContain(invoiceKey)
  })
})

describe('the LNbits adapter, when a payment is refused', () => {
  const refusals: [string, Reply, object | null, string][] = [
    ['for a reason', { status: 520, json: { detail: 'No.', status: 'failed' } }, null, 'failed'],
    ['in words with its key', { status: 520, json: { detail: `No, ${adminKey}.`, status: 'failed' } }, null, 'failed'],
    ['before it was tried', { status: 400, json: { detail: 'Daily limit.' } }, null, 'failed'],
    ['but LNbits has it as paid', { status: 520, json: { detail: 'No.', status: 'failed' } }, {}, 'paid'],
    [
      'but it is under way',
      { status: 520, json: { detail: 'Pending.', status: 'pending' } },
      { status: 'pending' },
      'unknown',
    ],
    ['and nobody knows', { status: 520, json: { detail: 'Hm.', status: 'pending' } }, null, 'unknown'],
    ['by a proxy', { status: 520, text: '<html>Web server returned an unknown error</html>' }, null, 'unknown'],
    ['by a proxy in JSON', { status: 520, json: { status: 520, detail: 'unknown error' } }, null, 'unknown'],
    ['for the key', { status: 403, json: { detail: 'Invoice (or Admin) key required.' } }, null, 'unknown'],
    ['with an error', { status: 500, json: { detail: 'error' } }, null, 'unknown'],
    ['with half an answer', { status: 201, json: { payment_hash: hash } }, null, 'unknown'],
    ['with another payment', { status: 201, json: line }, null, 'unknown'],
  ]
  it.each(refusals)('says what is certain: %s', async (_case, refusal, after, status) => {
    const world = await openDevWallet()
    const { bolt11, paymentHash } = await world.backend.outsideInvoice({ amountMsat: 21_000 })
    let hasAsked = false
    const server = await startLocalServer({
      kindOf: () => '',
      handle: ({ method, path }) => {
        if (path.endsWith('fee-reserve')) return { status: 200, json: { fee_reserve: 10 } }
        if (method === 'POST') {
          hasAsked = true
          return refusal
        }
        if (!hasAsked || after === null) return { status: 404, json: { detail: 'Payment does not exist.' } }
        return details({ payment_hash: paymentHash, amount: -21_000, fee: -10, ...after })
      },
    })
    const backend = createLnbitsBackend({ url: `http://127.0.0.1:${server.port}`, invoiceKey, adminKey, now })
    const outcome = await backend.pay({ idempotencyKey: 'payment', bolt11, maxFeeMsat: 10 }, never)
    expect(outcome.status).toBe(status)
    // The reason is the customer's to read, and stands in the log.
    expect(JSON.stringify(outcome)).not.toContain(adminKey)
    await server.close()
    await world.close()
  })
})
