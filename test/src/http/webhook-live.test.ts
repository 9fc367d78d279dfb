import { createHmac, randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { createDevWallet, type DevWallet } from '../../../src/adapters/lightning/dev-wallet/wallet.ts'
import { command, newKey, nowSeconds, open, query } from '../../end-to-end/envelope.ts'
import { passwords, startPhoenixdServer } from '../adapters/lightning/phoenixd/phoenixd-server.ts'
import { apiKey, startStrike } from '../adapters/lightning/strike/server.ts'
import { type RunningService, runService } from '../metrics/running-service.ts'

const webhookSecret = 'the secret of the webhook'

/** A backend that calls, in front of a wallet, and what is to be known of its calls. */
type Caller = {
  /** The setting of the wallet, given files for its secrets. */
  readonly wallet: (file: (content: string) => string) => string
  readonly header: string
  /** What it posts when an invoice was paid. */
  event(paymentHash: string): string
  /** How often it was asked what arrived, for this invoice or for all. */
  looks(paymentHash: string): number
  /** Resolves when all that was asked before has been answered. */
  answered(): Promise<unknown>
  close(): Promise<void>
}

const callers: Record<string, (node: DevWallet) => Promise<Caller>> = {
  phoenixd: async node => {
    const server = await startPhoenixdServer(node, nowSeconds)
    // News come by webhook alone.
    server.beSilent()
    return {
      wallet: file =>
        `phoenixd:${server.url}?passwordFile=${file(passwords.full)}&webhookSecretFile=${file(webhookSecret)}`,
      header: 'x-phoenix-signature',
      event: paymentHash =>
        // Nothing that it says of the amount is believed.
        JSON.stringify({ type: 'payment_received', timestamp: Date.now(), amountSat: 2_100_000, paymentHash }, null, 2),
      looks: paymentHash =>
        server.local.calls.filter(({ path }) => path === `/payments/incoming/${paymentHash}`).length,
      answered: () => fetch(`${server.url}/getinfo`),
      close: server.close,
    }
  },
  strike: async node => {
    const server = await startStrike(node, nowSeconds)
    return {
      wallet: file => `strike:${server.url}?apiKeyFile=${file(apiKey)}&webhookSecretFile=${file(webhookSecret)}`,
      header: 'x-webhook-signature',
      event: () =>
        JSON.stringify(
          { id: randomUUID(), eventType: 'receive-request.receive-completed', data: { entityId: randomUUID() } },
          null,
          2,
        ),
      looks: () => server.local.calls.filter(({ path }) => path === '/v1/receive-requests/receives').length,
      answered: () => fetch(`${server.url}/v1/balances`),
      close: server.close,
    }
  },
}

const sign = (body: string, secret = webhookSecret) => createHmac('sha256', secret).update(body).digest('hex')

describe.each(Object.entries(callers))('a webhook of %s, over HTTP', (_name, start) => {
  let directory: string
  let node: DevWallet
  let caller: Caller
  let service: RunningService
  const alice = newKey()

  beforeEach(async () => {
    directory = mkdtempSync(join(tmpdir(), 'panda-webhook-'))
    node = await createDevWallet({ directory: join(directory, 'node'), network: 'regtest', now: nowSeconds })
    caller = await start(node)
    const file = (content: string) => {
      const path = join(directory, randomUUID())
      writeFileSync(path, content)
      return path
    }
    service = await runService({ wallet: caller.wallet(file) })
  })
  afterEach(async () => {
    await service.close()
    await caller.close()
    await node.close()
    rmSync(directory, { recursive: true, force: true })
  })

  const post = async (body: string, signature?: string) => {
    const headers = { 'content-type': 'application/json', ...(signature && { [caller.header]: signature }) }
    const { status } = await fetch(`${service.panda.urls.http}/v1/webhooks/lightning`, {
      method: 'POST',
      headers,
      body,
    })
    await caller.answered()
    return status
  }
  const tell = (paymentHash: string) => {
    const body = caller.event(paymentHash)
    return post(body, sign(body))
  }
  const say = async (path: string, event: object) => {
    const { body } = await service.post(path, event)
    return open(JSON.parse(body), service.panda.servicePublicKey, alice).body
  }
  const invoice = async (amountMsat: number) => {
    const asked = command(service.panda.servicePublicKey, alice, 'balance.topup', { amountMsat })
    const made = (await say('/v1/commands', asked)).invoice
    return made as { id: string; bolt11: string; paymentHash: string }
  }
  const ask = (method: string, params: object = {}) =>
    say('/v1/queries', query(service.panda.servicePublicKey, alice, method, params))
  const balance = async () => {
    const { balanceMsat, postings } = await ask('balance.get')
    return [balanceMsat, (postings as unknown[]).length]
  }
  /** The backend has been asked once more since; what it was asked without a call comes seconds later. */
  const looked = (paymentHash: string, before: number) =>
    expect.poll(() => caller.looks(paymentHash), { interval: 5, timeout: 10_000 }).toBeGreaterThan(before)

  it('leads to a look-up, and settles nothing by itself', async () => {
    const { id, paymentHash } = await invoice(21_000)
    const before = caller.looks(paymentHash)
    expect(await tell(paymentHash)).toBe(200)
    await looked(paymentHash, before)
    expect(await balance()).toEqual([0, 0])
    expect(await ask('invoice.get', { invoiceId: id })).toMatchObject({ status: 'open' })
  })

  it('leads to nothing when it is forged, not even to a look-up', async () => {
    const { bolt11, paymentHash } = await invoice(21_000)
    // The backend is not about to look by itself: it just has.
    const before = caller.looks(paymentHash)
    await tell(paymentHash)
    await looked(paymentHash, before)
    await node.receive(bolt11)
    const body = caller.event(paymentHash)
    const looks = caller.looks(paymentHash)
    const forged: [string, string | undefined][] = [
      [body, undefined],
      [body, sign(body, 'another secret')],
      [body, sign('')],
      // The same JSON in other bytes: what is signed is the body as it was sent.
      [JSON.stringify(JSON.parse(body)), sign(body)],
      [`${body} `, sign(body)],
      [body, sign(body).slice(0, 32)],
    ]
    for (const [text, signature] of forged) expect(await post(text, signature)).toBe(401)
    expect(caller.looks(paymentHash)).toBe(looks)
    expect(await balance()).toEqual([0, 0])
  })

  it('has what arrived booked once, however often and in whichever order it comes', async () => {
    const [first, second] = [await invoice(21_000), await invoice(34_000)]
    await node.receive(first.bolt11)
    await node.receive(second.bolt11, { receivedMsat: 30_000 })
    for (const { paymentHash } of [second, second, first, second, first, first]) {
      expect(await tell(paymentHash)).toBe(200)
    }
    // What arrived counts, not what was asked for, nor what a call says.
    await expect.poll(balance, { timeout: 10_000 }).toEqual([51_000, 2])
    expect(await tell(second.paymentHash)).toBe(200)
    expect(await balance()).toEqual([51_000, 2])
  })
})
