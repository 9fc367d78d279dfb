import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { nip19 } from 'nostr-tools'
import { anonymousMiBOf, cpuMsOf } from './process-usage.ts'
import type { LoopDelay, RelayProcess } from './trial.ts'

/** The domain whose names are sold and looked up, as `server.yaml` has it. */
export const benchDomain = 'bench.example'

/** The real server as a process of its own. */
export type Server = Required<RelayProcess> & {
  readonly publicKey: string
  readonly verifier: string
  cpuMs(): number
  anonymousMiB(): number
  /** Ends it as an operator would; kills it when that takes longer than 10 s. */
  stop(): Promise<void>
}

const startTimeoutMs = 60_000
const stopTimeoutMs = 10_000
const program = new URL('../dist/src/cli/panda.js', import.meta.url).pathname
const configFile = new URL('./server.yaml', import.meta.url).pathname
const monitor = new URL('./event-loop-monitor.mjs', import.meta.url).href

/** A directory for one server's data, under the system's for temporary files; gone at the latest when this process ends. */
export function createDataDirectory(): { readonly path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'panda-bench-'))
  const remove = () => rmSync(path, { recursive: true, force: true })
  process.once('exit', remove)
  return {
    path,
    remove: () => {
      process.off('exit', remove)
      remove()
    },
  }
}

/** Starts the built server on a data directory; resolves once it serves. `cpuProfileDirectory`: where node leaves a profile. */
export async function startServer(data: string, cpuProfileDirectory?: string): Promise<Server> {
  const profile = cpuProfileDirectory === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${cpuProfileDirectory}`]
  const startedAtMs = performance.now()
  const child = spawn(
    process.execPath,
    ['--import', monitor, ...profile, program, 'start', '--config', configFile, '--data', data],
    { stdio: ['ignore', 'pipe', 'inherit', 'ipc'] },
  )
  const kill = () => void child.kill('SIGKILL')
  process.once('exit', kill)
  const exited = new Promise<void>(resolve => {
    child.once('exit', () => {
      process.off('exit', kill)
      resolve()
    })
  })
  const welcome = await readWelcome(child)
  const { pid } = child
  if (pid === undefined) throw new Error('the server did not start')
  return {
    ...welcome,
    pid,
    path: '/',
    startMs: performance.now() - startedAtMs,
    loop: {
      begin: async () => void (await ask(child, 'begin')),
      end: async () => (await ask(child, 'end')) as LoopDelay,
    },
    cpuMs: () => cpuMsOf(pid),
    anonymousMiB: () => anonymousMiBOf(pid),
    stop: async () => {
      const timer = setTimeout(kill, stopTimeoutMs)
      child.kill('SIGTERM')
      await exited
      clearTimeout(timer)
    },
  }
}

/** Asks the monitor that the server was started with; it answers in the order of asking. */
function ask(child: ChildProcess, word: 'begin' | 'end'): Promise<unknown> {
  return new Promise((resolve, reject) => {
    child.once('message', resolve)
    child.send(word, error => (error === null ? undefined : reject(error)))
  })
}

/** Reads off the server's own words where it listens, who it is and what verifies. */
function readWelcome(child: ChildProcess): Promise<Pick<Server, 'port' | 'publicKey' | 'verifier'>> {
  return new Promise((resolve, reject) => {
    let text = ''
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      reject(new Error('the server did not start in time'))
    }, startTimeoutMs)
    child.once('exit', code => {
      clearTimeout(timer)
      reject(new Error(`the server ended with code ${code}`))
    })
    child.stdout?.on('data', (chunk: Buffer) => {
      text += chunk.toString('utf8')
      const port = /websocket +wss?:\/\/\S+:(\d+)/.exec(text)?.[1]
      const npub = /service key +(npub1\w+)/.exec(text)?.[1]
      const verifier = /signatures +(\S+)/.exec(text)?.[1]
      if (port === undefined || npub === undefined || verifier === undefined || !text.includes('Try:')) return
      clearTimeout(timer)
      const decoded = nip19.decode(npub)
      if (decoded.type !== 'npub') throw new Error(`${npub} is no public key`)
      resolve({ port: Number(port), publicKey: decoded.data, verifier })
    })
  })
}
