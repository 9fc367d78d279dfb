import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { DevWallet } from '../../src/adapters/lightning/dev-wallet/wallet.ts'
import { type LocalNodes, startLocalNodes } from '../src/adapters/lightning/real/local-nodes.ts'

const root = new URL('../..', import.meta.url).pathname
const now = () => Math.floor(Date.now() / 1_000)

const report = z.object({
  testResults: z.array(
    z.object({ message: z.string(), assertionResults: z.array(z.object({ title: z.string(), status: z.string() })) }),
  ),
})

/** A few tests of which each is about something that a node can get wrong, and whose waits are short. */
const chosen = 'settled, when paid as asked|pays, and says what it cost|from a cursor on|never made it'
const titles = [
  'from a cursor on, wherever it was left',
  'pays, and says what it cost',
  'settled, when paid as asked, with what arrived',
  'unknown, when it never made it',
]

describe('npm run test:lightning', () => {
  let directory: string
  let nodes: LocalNodes | null = null
  let running: ChildProcess | null = null

  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'panda-real-lightning-'))
  })
  afterEach(async () => {
    // It leads a group of its own: whatever npm has started ends with it.
    if (running?.pid !== undefined) process.kill(-running.pid, 'SIGKILL')
    running = null
    await nodes?.close()
    nodes = null
    rmSync(directory, { recursive: true })
  })

  /** Runs the suite as a process of its own; `failed` are the titles of its tests that failed. */
  const run = async (wallets: Record<string, string>) => {
    const file = join(directory, 'report.json')
    const { PANDA_TEST_WALLET: _wallet, PANDA_TEST_PAYER: _payer, ...env } = process.env
    const flags = ['--reporter=default', '--reporter=json', `--outputFile.json=${file}`, '-t', chosen]
    const child = spawn('npm', ['run', '--silent', 'test:lightning', '--', ...flags], {
      cwd: root,
      env: { ...env, ...wallets },
      stdio: ['ignore', 'pipe', 'pipe'],
      detached: true,
    })
    running = child
    let output = ''
    for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => (output += chunk))
    const code = await new Promise(resolve => child.on('close', resolve))
    running = null
    const { testResults } = report.parse(JSON.parse(readFileSync(file, 'utf8')))
    const results = testResults.flatMap(({ assertionResults }) => assertionResults)
    const titled = (status: string) => results.filter(one => one.status === status).map(({ title }) => title)
    const message = testResults.map(one => one.message).join()
    return { code, output, message, passed: titled('passed').sort(), failed: titled('failed').sort() }
  }
  const runWith = async (disturb?: (node: DevWallet) => DevWallet) => {
    nodes = await startLocalNodes({ wallet: 'cln', payer: 'lnd' }, now, disturb)
    return run({ PANDA_TEST_WALLET: nodes.wallet.setting, PANDA_TEST_PAYER: nodes.payer.setting })
  }

  it('says what to set when it has no nodes, and fails', async () => {
    const { code, message, passed, output } = await run({})
    expect(code).toBe(1)
    expect(passed).toEqual([])
    expect(message).toMatch(/^PANDA_TEST_WALLET is not set: /)
    expect(output).toContain('PANDA_TEST_PAYER one of another node')
  })

  it('passes with nodes that are right, and says what it spent', async () => {
    const { code, passed, failed, output } = await runWith()
    expect({ code, passed, failed }).toEqual({ code: 0, passed: titles, failed: [] })
    expect(output).toMatch(
      /Spent: the payer paid [\d.]+ sat in \d+ payments and [\d.]+ sat in fees; the wallet paid 21 sat in 1/,
    )
  })

  it('fails with a node that counts wrong, where it does', async () => {
    const { code, passed, failed } = await runWith(node => ({
      ...node,
      balanceMsat: async () => 2_100_000,
      lookUpInvoice: async (...asked) => {
        const state = await node.lookUpInvoice(...asked)
        return state.status === 'settled' ? { ...state, receivedMsat: state.receivedMsat + 1 } : state
      },
    }))
    expect(code).toBe(1)
    expect(failed).toEqual(['pays, and says what it cost', 'settled, when paid as asked, with what arrived'])
    expect(passed).toEqual(titles.filter(title => !failed.includes(title)))
  })
})
