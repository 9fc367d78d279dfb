import { type ChildProcess, spawn } from 'node:child_process'
import { join } from 'node:path'
import { nip19 } from 'nostr-tools'
import { callControl, controlSocketPath } from '../../src/cli/control-socket.ts'
import type { Program } from './program.ts'

/** A running service in a process of its own. */
export type Server = {
  readonly httpUrl: string
  /** Where to connect, and the URL that authentication (NIP-42) is for. */
  readonly websocketUrl: string
  readonly servicePublicKey: string
  readonly pid: number
  /** Everything it has logged. */
  log(): string
  isRunning(): boolean
  /** Pays an invoice as a Lightning node would; rejects when the service refuses or goes away. */
  pay(bolt11: string, options?: { receivedMsat?: number; late?: boolean }): Promise<void>
  /** Ends it as a power cut would, as far as a process can tell. */
  kill(): Promise<void>
  /** Asks it to end; says how it did and how long that took. One that does not end is killed after 10 s. */
  stop(): Promise<{ exitCode: number | null; signal: NodeJS.Signals | null; ms: number }>
}

const startTimeoutMs = 20_000
const stopTimeoutMs = 10_000

/**
 * Starts the service on a free port and waits until it serves. `wrapper` is a command that runs it, such as strace.
 * Rejects with what it said when it ends instead.
 */
export async function startServer(options: {
  program: Program
  data: string
  config: string
  wrapper?: readonly string[]
}): Promise<Server> {
  const { program, data, config, wrapper = [] } = options
  const panda = [program.entry, 'start', '--config', config, '--data', data, '--port', '0']
  const [command = process.execPath, ...args] = [...wrapper, process.execPath, ...panda]
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const ended = new Promise<number | null>(resolve => child.on('close', resolve))
  let log = ''
  child.stderr.on('data', (chunk: Buffer) => {
    log += chunk
  })
  const welcome = await readWelcome(child, () => log)
  const { pid } = child
  if (pid === undefined) throw new Error('the service has no process')
  const isRunning = () => child.exitCode === null && child.signalCode === null
  return {
    ...welcome,
    pid,
    log: () => log,
    isRunning,
    pay: async (invoice, payment = {}) => {
      await callControl(controlSocketPath(data), 'dev.pay', { invoice, ...payment }, 5_000)
    },
    kill: async () => {
      child.kill('SIGKILL')
      await ended
    },
    stop: async () => {
      const startMs = performance.now()
      if (isRunning()) child.kill('SIGTERM')
      const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs)
      const exitCode = await ended
      clearTimeout(timer)
      return { exitCode, signal: child.signalCode, ms: Math.round(performance.now() - startMs) }
    },
  }
}

type Welcome = Pick<Server, 'websocketUrl' | 'httpUrl' | 'servicePublicKey'>

function readWelcome(child: ChildProcess, log: () => string): Promise<Welcome> {
  return new Promise((resolve, reject) => {
    let said = ''
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      fail('did not serve in time')
    }, startTimeoutMs)
    const fail = (what: string) => reject(new Error(`the service ${what}:\n${said}${log()}`))
    child.on('error', error => fail(`could not be started (${error.message})`))
    child.on('close', code => fail(`ended with ${code}`))
    child.stdout?.on('data', (chunk: Buffer) => {
      said += chunk
      const port = /^ {2}HTTP +http:\/\/[^:]+:(\d+)$/m.exec(said)?.[1]
      const npub = /^ {2}service key +(npub1\w+)$/m.exec(said)?.[1]
      if (port === undefined || npub === undefined || !said.includes('npm run demo')) return
      const decoded = nip19.decode(npub)
      if (decoded.type !== 'npub') throw new Error(`${npub} is no public key`)
      clearTimeout(timer)
      resolve({
        websocketUrl: `ws://localhost:${port}`,
        httpUrl: `http://localhost:${port}`,
        servicePublicKey: decoded.data,
      })
    })
  })
}

/** Where the control socket fits: its path has at most 103 bytes, so data directories must be short. */
export function dataIn(directory: string): string {
  return join(directory, 'data')
}
