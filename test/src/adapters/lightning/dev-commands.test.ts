import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { callControl, controlSocketPath, createControlServer } from '../../../../src/cli/control-socket.ts'
import { devCommand, devWalletHandlers } from '../../../../src/cli/dev.ts'
import { never, requestOf } from './invoice-request.ts'
import { type DevWalletFixture, openDevWallet } from './open-dev-wallet.ts'

const request = requestOf({ amountMsat: 21_000 })

let fixture: DevWalletFixture
let dataDirectory: string
let server: { close(): Promise<void> }

beforeEach(async () => {
  fixture = await openDevWallet()
  dataDirectory = mkdtempSync(join(tmpdir(), 'panda-dev-'))
  const path = controlSocketPath(dataDirectory)
  server = await createControlServer({ path, handlers: devWalletHandlers(fixture.backend) })
})
afterEach(async () => {
  await server.close()
  await fixture.close()
  rmSync(dataDirectory, { recursive: true })
})

async function run(...args: string[]): Promise<{ code: number; said: string }> {
  const lines: string[] = []
  const code = await devCommand(args, { dataDirectory, print: line => lines.push(line) })
  return { code, said: lines.join('\n') }
}

const create = () => fixture.backend.createInvoice(request, never)
const stateOf = (paymentHash: string) => fixture.backend.lookUpInvoice(paymentHash, never)

describe('panda dev pay', () => {
  it.each([
    ['as asked', [], 21_000],
    ['with another amount', ['--msat', '7'], 7],
    ['with the flag in front', ['--msat=22000', '--late'], 22_000],
  ])('pays an invoice: %s', async (_case, flags, receivedMsat) => {
    const { bolt11, paymentHash } = await create()
    const { code, said } = await run('pay', ...flags, bolt11)
    expect({ code, said }).toEqual({ code: 0, said: `Paid ${receivedMsat} msat to ${paymentHash}.` })
    expect(await stateOf(paymentHash)).toMatchObject({ status: 'settled', receivedMsat })
  })

  it('takes an invoice as a QR code has it, and a payment hash', async () => {
    const { bolt11, paymentHash } = await create()
    expect(await run('pay', `LIGHTNING:${bolt11.toUpperCase()}`)).toMatchObject({ code: 0 })
    expect(await run('pay', paymentHash)).toEqual({ code: 1, said: 'panda: this invoice is already settled' })
  })

  it('pays an expired invoice only when told', async () => {
    const { bolt11, paymentHash } = await create()
    fixture.advance(1_000)
    expect(await run('pay', bolt11)).toMatchObject({ code: 1, said: expect.stringContaining('has expired') })
    expect(await stateOf(paymentHash)).toEqual({ status: 'expired' })
    expect(await run('pay', bolt11, '--late')).toMatchObject({ code: 0 })
    expect(await stateOf(paymentHash)).toMatchObject({ status: 'settled' })
  })

  it('pays no invoice of others', async () => {
    expect(await run('pay', 'ab'.repeat(32))).toEqual({
      code: 1,
      said: 'panda: this is no invoice of the development wallet',
    })
  })
})

describe('panda dev invoice', () => {
  it('makes an invoice of somebody outside, which the wallet can pay', async () => {
    await fixture.pay((await create()).bolt11)
    const { code, said } = await run('invoice', '20000')
    expect(code).toBe(0)
    const paid = await fixture.backend.pay({ idempotencyKey: 'a', bolt11: said, maxFeeMsat: 0 }, never)
    expect(paid).toMatchObject({ status: 'paid', feeMsat: 0 })
    expect(await fixture.backend.balanceMsat(never)).toBe(1_000)
  })
})

describe('panda dev fail', () => {
  it('has calls fail, as often as said', async () => {
    const ask = () =>
      create().then(
        () => 'made',
        () => 'failed',
      )
    expect(await run('fail', 'create', 'unavailable')).toMatchObject({ code: 0 })
    expect([await ask(), await ask()]).toEqual(['failed', 'made'])
    expect(await run('fail', 'all', 'drop-after', '--times', '2')).toMatchObject({ code: 0 })
    expect([await ask(), await ask(), await ask()]).toEqual(['failed', 'failed', 'made'])
  })

  it('takes a fault back', async () => {
    await run('fail', 'all', 'unavailable', '--times', '9')
    expect(await run('fail', 'all', 'unavailable', '--times', '0')).toMatchObject({ code: 0 })
    await expect(create()).resolves.toMatchObject({ expiresAt: expect.any(Number) })
  })
})

describe('panda dev', () => {
  it.each([
    [[]],
    [['pay']],
    [['pay', 'a', 'b']],
    [['pay', '']],
    [['pay', 'l'.repeat(5_000)]],
    [['pay', 'a', '--msat', '0']],
    [['pay', 'a', '--msat', '-1']],
    [['pay', 'a', '--msat', '1.5']],
    [['pay', 'a', '--msat', '1e3']],
    [['pay', 'a', '--msat', '9007199254740992']],
    [['pay', 'a', '--times', '1']],
    [['pay', 'a', '--unknown']],
    [['invoice']],
    [['invoice', '0']],
    [['invoice', 'much']],
    [['invoice', '1000', '--late']],
    [['fail', 'create']],
    [['fail', 'nothing', 'unavailable']],
    [['fail', 'create', 'badly']],
    [['fail', 'create', 'unavailable', '--late']],
    [['fail', 'create', 'unavailable', '--times', 'often']],
    [['fail', 'create', 'unavailable', '--times', '1000001']],
    [['steal', 'everything']],
  ])('shows how it is used: %j', async args => {
    const { code, said } = await run(...args)
    expect(code).toBe(2)
    expect(said).toContain('panda dev pay INVOICE [--late] [--msat N]')
    expect(said).toContain(
      'panda dev fail create|lookup|stream|pay|hold|all unavailable|timeout|drop-after|refused [--times N]',
    )
  })

  it('says when no service runs there', async () => {
    await server.close()
    const { code, said } = await run('pay', 'ab'.repeat(32))
    expect(code).toBe(1)
    expect(said).toContain('is the service running with this data directory?')
  })

  it.each([
    ['dev.pay', { invoice: '' }],
    ['dev.pay', { invoice: 'a', receivedMsat: 0 }],
    ['dev.pay', { invoice: 'a', amountMsat: 1 }],
    ['dev.invoice', { amountMsat: 0.5 }],
    ['dev.fail', { call: 'check', mode: 'unavailable' }],
    ['dev.fail', { call: 'all', mode: 'unavailable', times: -1 }],
  ])('has the service check what it is sent: %s %j', async (method, params) => {
    await expect(callControl(controlSocketPath(dataDirectory), method, params)).rejects.toThrow('params')
  })
})
