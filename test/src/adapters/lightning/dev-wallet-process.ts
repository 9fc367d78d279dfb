import { createDevWallet } from '../../../../src/adapters/lightning/dev-wallet/wallet.ts'
import { never, requestOf } from './invoice-request.ts'

/** Makes and settles invoices as fast as it can and prints each answer as a line, until it is killed. */
const [directory = '', run = ''] = process.argv.slice(2)
const wallet = await createDevWallet({ directory, network: 'regtest', now: () => Math.floor(Date.now() / 1000) })

async function work(lane: number): Promise<void> {
  for (let index = 0; index < 2_000; index++) {
    const idempotencyKey = `${run}-${lane}-${index}`
    const request = requestOf({ idempotencyKey, amountMsat: 1_000 + index, expirySeconds: 3_600 })
    const { bolt11, paymentHash } = await wallet.createInvoice(request, never)
    process.stdout.write(`${JSON.stringify({ made: request, bolt11, paymentHash })}\n`)
    if (index % 2 === 0) continue
    await wallet.receive(bolt11)
    process.stdout.write(`${JSON.stringify({ settled: paymentHash, receivedMsat: request.amountMsat })}\n`)
  }
}

await Promise.all([0, 1, 2].map(work))
