import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type LightningBackend, LightningUnavailable } from '../../../../../src/adapters/lightning/port.ts'
import { never, requestOf, sha256 } from '../invoice-request.ts'
import type { Reply } from '../local-server.ts'
import { type LndFixture, openLnd } from './open-lnd.ts'

const request = requestOf()
const paymentHash = sha256(Buffer.from(request.preimage, 'hex'))

const reads: [string, string, (backend: LightningBackend) => Promise<unknown>][] = [
  ['lookUpInvoice', 'lookup', backend => backend.lookUpInvoice(paymentHash, never)],
  ['createInvoice', 'create', backend => backend.createInvoice(requestOf({ idempotencyKey: 'new' }), never)],
  ['settleHold', 'hold', backend => backend.settleHold(request.preimage, never)],
  ['lookUpPayment', 'lookup', backend => backend.lookUpPayment({ idempotencyKey: 'a', paymentHash }, never)],
  ['balanceMsat', 'balance', backend => backend.balanceMsat(never)],
  ['check', 'info', backend => backend.check(never)],
  ['incoming', 'stream', backend => listen(backend)],
  ['incoming, which lists', 'list', backend => listen(backend)],
]

const withoutEnd: Reply = {
  stream: response => {
    response.on('error', () => undefined)
    const more = () => {
      while (response.write('x'.repeat(64 * 1_024)));
    }
    response.on('drain', more)
    more()
  },
}

const useless: [string, Reply][] = [
  ['a page of a proxy', { status: 502, text: '<html><body>Bad Gateway</body></html>' }],
  ['a page in place of an answer', { status: 200, text: '<html><body>Welcome</body></html>\n' }],
  ['an error without words', { status: 500, text: '' }],
  ['an error of somebody else', { status: 500, json: { error: 'secret' } }],
  ['a list', { status: 200, text: '[]\n' }],
  ['half an answer', { status: 200, text: '{"result":{"state":"SETT\n' }],
  ['an answer without end', withoutEnd],
]

describe('LND gives no usable answer', () => {
  let fixture: LndFixture

  beforeEach(async () => {
    fixture = await openLnd()
    const { bolt11 } = await fixture.backend.createInvoice(request, never)
    await fixture.pay(bolt11)
  })
  afterEach(() => fixture.close())

  it.each(
    reads.flatMap(([name, kind, act]) => useless.map(([what, reply]) => [name, what, kind, act, reply] as const)),
  )('to %s: %s', async (_name, _what, kind, act, reply) => {
    fixture.server.answerNext(kind, reply)
    const error = await act(fixture.backend).catch((reason: unknown) => reason)
    expect(error).toBeInstanceOf(LightningUnavailable)
    expect(String(error)).not.toContain('secret')
  })

  it.each(reads)('to %s when it sends us elsewhere', async (_name, kind, act) => {
    const elsewhere = await openLnd()
    const location = `${elsewhere.server.url}/v1/getinfo`
    fixture.server.answerNext(kind, {
      stream: response => response.writeHead(307, { location }).end(),
    })
    await expect(act(fixture.backend)).rejects.toThrow(LightningUnavailable)
    expect(elsewhere.server.calls).toEqual([])
    await elsewhere.close()
  })

  it.each(reads)('to %s before the signal aborts', async (_name, kind, act) => {
    const late = new AbortController()
    fixture.server.answerNext(kind, { stream: () => late.abort() })
    const waiting = act(limited(fixture.backend, late.signal))
    if (kind === 'stream' || kind === 'list') expect(await waiting).toBe('ended')
    else await expect(waiting).rejects.toThrow(LightningUnavailable)
  })

  const wrong: [string, Record<string, unknown>][] = [
    ['an amount that is a number', { amt_paid_msat: 21_000_000 }],
    ['an amount that is not exact', { amt_paid_msat: '9007199254740993' }],
    ['an amount below zero', { amt_paid_msat: '-1' }],
    ['an amount with a fraction', { amt_paid_msat: '1.5' }],
    ['an amount in another notation', { amt_paid_msat: '1e3' }],
    ['no amount', { amt_paid_msat: undefined }],
    ['no amount but nothing', { amt_paid_msat: null }],
    ['a time that is none', { settle_date: 'yesterday' }],
    ['a state that there is not', { state: 'PAID' }],
    ['a state that is a number', { state: 1 }],
    ['a preimage that is too short', { r_preimage: 'AAAA' }],
    ['a preimage in hex', { r_preimage: 'zz' }],
    ['no preimage', { r_preimage: '' }],
    ['the preimage of another', { r_preimage: Buffer.alloc(32, 7).toString('base64') }],
    ['another invoice', { r_hash: Buffer.alloc(32, 7).toString('base64') }],
    ['a payment that waits without parts', { state: 'ACCEPTED', htlcs: [] }],
  ]
  it.each(wrong)('in an invoice with %s', async (_case, changes) => {
    const message = await fixture.server.invoice(paymentHash)
    fixture.server.answerNext('lookup', { status: 200, json: { ...message, ...changes } })
    await expect(fixture.backend.lookUpInvoice(paymentHash, never)).rejects.toThrow(LightningUnavailable)
    expect(await fixture.backend.lookUpInvoice(paymentHash, never)).toMatchObject({ status: 'settled' })
  })

  it('but may say more than we know of', async () => {
    const message = await fixture.server.invoice(paymentHash)
    fixture.server.answerNext('lookup', {
      status: 200,
      json: { ...message, is_blinded: false, next: { big: 'thing' } },
    })
    expect(await fixture.backend.lookUpInvoice(paymentHash, never)).toMatchObject({ status: 'settled' })
  })

  it.each(['1', '{"local_balance":{"msat":100}}', '{"local_balance":{"msat":"18446744073709551615"}}', '{}'])(
    'in a balance: %s',
    async text => {
      fixture.server.answerNext('balance', { status: 200, text })
      await expect(fixture.backend.balanceMsat(never)).rejects.toThrow(LightningUnavailable)
    },
  )
})

async function listen(backend: LightningBackend): Promise<string> {
  for await (const _payment of backend.incoming(null, never));
  return 'ended'
}

/** The same backend, whose calls all obey this signal. */
function limited(backend: LightningBackend, signal: AbortSignal): LightningBackend {
  return {
    ...backend,
    createInvoice: request => backend.createInvoice(request, signal),
    lookUpInvoice: hash => backend.lookUpInvoice(hash, signal),
    settleHold: preimage => backend.settleHold(preimage, signal),
    lookUpPayment: payment => backend.lookUpPayment(payment, signal),
    balanceMsat: () => backend.balanceMsat(signal),
    check: () => backend.check(signal),
    incoming: cursor => backend.incoming(cursor, signal),
  }
}
