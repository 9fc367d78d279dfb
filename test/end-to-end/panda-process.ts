import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { nip19 } from 'nostr-tools'
import { dispatch } from '../../src/cli/dispatch.ts'

/** A service that runs as a process of its own, as its operator would start it. */
export type PandaProcess = {
  readonly httpUrl: string
  /** The same on this machine, whatever the configuration calls it. */
  readonly localUrl: string
  readonly websocketUrl: string
  readonly servicePublicKey: string
  /** Where the secret key of the operator is that the service has made, or `null`. */
  readonly operatorKeyFile: string | null
  isAlive(): boolean
  /** What it has logged so far. */
  log(): string
  /** Asks it to stop (SIGTERM); gives its exit code, `null` when it had to be killed. */
  stop(): Promise<number | null>
}

type Arguments = {
  readonly args: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  /** How far the process's wall clock is from the machine's. */
  readonly clockOffsetSeconds?: number
}

const root = fileURLToPath(new URL('../..', import.meta.url))
const entry = 'src/cli/panda.ts'
const startTimeoutMs = 20_000
const stopTimeoutMs = 10_000
const running = new Set<ChildProcess>()

// Whatever ends this process, nothing that it started outlives it.
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

/** Runs a `panda` command in this process, which is quicker; `start` only when it is sure to be refused. */
export async function dispatchPanda(args: readonly string[]): Promise<{ exitCode: number; out: string; err: string }> {
  const [out, err]: [string[], string[]] = [[], []]
  const exitCode = await dispatch(args, { env: {}, print: line => out.push(line), complain: line => err.push(line) })
  return { exitCode, out: out.join('\n'), err: err.join('\n') }
}

/** Runs `panda` to its end; `exitCode` is `null` when it was killed after `timeoutMs`. */
export function runPanda(
  options: Arguments & { timeoutMs?: number },
): Promise<{ exitCode: number | null; out: string; err: string }> {
  const { child, output } = spawnPanda(options)
  const timer = setTimeout(() => child.kill('SIGKILL'), options.timeoutMs ?? startTimeoutMs)
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('close', exitCode => {
      clearTimeout(timer)
      resolve({ exitCode, out: output.out, err: output.err })
    })
  })
}

/** Starts `panda start` and waits until it says that it runs. Throws with what it complained of when it does not. */
export function startPanda({ args, ...options }: Arguments): Promise<PandaProcess> {
  const { child, output } = spawnPanda({ ...options, args: ['start', ...args] })
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => child.kill('SIGKILL'), startTimeoutMs)
    const fail = () => {
      clearTimeout(timer)
      reject(new Error(`panda did not start: ${output.err || output.out}`))
    }
    child.once('error', fail).once('close', fail)
    child.stdout?.on('data', () => {
      const welcome = readWelcome(output.out)
      if (welcome === null) return
      clearTimeout(timer)
      child.stdout?.removeAllListeners('data').resume()
      child.off('error', fail).off('close', fail)
      resolve({ ...welcome, isAlive: () => isAlive(child), log: () => output.err, stop: () => stop(child) })
    })
  })
}

function spawnPanda({ args, env = {}, clockOffsetSeconds = 0 }: Arguments) {
  // The surroundings must not configure the service.
  const inherited = Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('PANDA_')))
  const clock = `const real = Date.now; Date.now = () => real() + ${clockOffsetSeconds * 1_000}`
  const preload = clockOffsetSeconds === 0 ? [] : ['--import', `data:text/javascript,${encodeURIComponent(clock)}`]
  const child = spawn(process.execPath, ['--import', 'tsx', ...preload, entry, ...args], {
    cwd: root,
    env: { ...inherited, ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  running.add(child)
  child.once('close', () => running.delete(child))
  const output = { out: '', err: '' }
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    output.out += text
  })
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    output.err += text
  })
  return { child, output }
}

function readWelcome(out: string) {
  // The last thing it prints: by then it answers.
  if (!out.includes('npm run demo')) return null
  const read = (pattern: RegExp) => pattern.exec(out)?.[1] ?? ''
  const key = nip19.decode(read(/service key +(npub1\S+)/))
  if (key.type !== 'npub') throw new Error('the service key is printed as an npub')
  return {
    httpUrl: read(/HTTP +(\S+)/),
    localUrl: read(/'(http:\/\/[^/]+)\/\.well-known/),
    websocketUrl: read(/websocket +(\S+)/),
    servicePublicKey: key.data,
    operatorKeyFile: read(/\(secret key in (.+)\)/) || null,
  }
}

function isAlive(child: ChildProcess): boolean {
  return child.exitCode === null && child.signalCode === null
}

function stop(child: ChildProcess): Promise<number | null> {
  if (!isAlive(child)) return Promise.resolve(child.exitCode)
  return new Promise(resolve => {
    const timer = setTimeout(() => child.kill('SIGKILL'), stopTimeoutMs)
    child.once('close', exitCode => {
      clearTimeout(timer)
      resolve(exitCode)
    })
    child.kill('SIGTERM')
  })
}
