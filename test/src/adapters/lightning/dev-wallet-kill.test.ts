import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, it } from 'vitest'
import { createDevWallet } from '../../../../src/adapters/lightning/dev-wallet/wallet.ts'
import type { InvoiceRequest } from '../../../../src/adapters/lightning/port.ts'
import { never, requestOf } from './invoice-request.ts'

const program = fileURLToPath(new URL('./dev-wallet-process.ts', import.meta.url))
const directory = mkdtempSync(join(tmpdir(), 'panda-dev-wallet-'))

type Line = { made: InvoiceRequest; bolt11: string; paymentHash: string } | { settled: string; receivedMsat: number }

afterAll(() => rmSync(directory, { recursive: true, force: true }))

/** Starts the program and kills it without warning after some answers; gives all that it said. */
function runUntilKilled(run: string, answers: number): Promise<Line[]> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, ['--import', 'tsx', program, directory, run], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let said = ''
    child.stdout.on('data', (chunk: Buffer) => {
      said += chunk
      if (said.split('\n').length > answers) child.kill('SIGKILL')
    })
    child.on('close', (_code, signal) => {
      if (signal !== 'SIGKILL') reject(new Error('the wallet ended before it was killed'))
      // What follows the last newline was cut off by the kill: it was never answered.
      const lines = said.slice(0, said.lastIndexOf('\n')).split('\n')
      resolve(lines.map(line => JSON.parse(line) as Line))
    })
  })
}

it('has everything that it answered when it is killed, and settled nothing twice', async () => {
  const said: Line[] = []
  for (const answers of [1, 40, 100]) said.push(...(await runUntilKilled(`run-${answers}`, answers)))

  const wallet = await createDevWallet({ directory, network: 'regtest', now: () => Math.floor(Date.now() / 1000) })
  const streamed: string[] = []
  const last = await wallet.createInvoice(
    requestOf({ idempotencyKey: 'last', amountMsat: 1, expirySeconds: 60 }),
    never,
  )
  await wallet.receive(last.bolt11)
  for await (const { paymentHash } of wallet.incoming(null, never)) {
    streamed.push(paymentHash)
    if (paymentHash === last.paymentHash) break
  }
  expect(new Set(streamed).size).toBe(streamed.length)
  for (const line of said) {
    if ('made' in line) {
      const { bolt11, paymentHash } = await wallet.createInvoice(line.made, never)
      expect({ bolt11, paymentHash }).toEqual({ bolt11: line.bolt11, paymentHash: line.paymentHash })
    } else {
      const { receivedMsat } = line
      expect(streamed).toContain(line.settled)
      expect(await wallet.lookUpInvoice(line.settled, never)).toMatchObject({ status: 'settled', receivedMsat })
    }
  }
  expect(said.length).toBeGreaterThanOrEqual(141)
  await wallet.close()
}, 60_000)
