import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { loadConfig } from '../../../src/config.ts'
import { type Panda, startPanda } from '../../../src/main.ts'

/** A service that runs in this process, on a port and in a directory of its own. */
export type RunningService = {
  readonly panda: Panda
  /** Its data directory. */
  readonly data: string
  /** What it has logged at the level of warnings and above. */
  readonly log: string[]
  get(path: string, headers?: Record<string, string>): Promise<{ status: number; body: string }>
  post(path: string, body: unknown): Promise<{ status: number; body: string }>
  close(): Promise<void>
}

/** Starts the service; `settings` are sections of its configuration. */
export async function runService(settings: Record<string, unknown> = {}): Promise<RunningService> {
  const directory = mkdtempSync(join(tmpdir(), 'panda-run-'))
  const file = join(directory, 'panda.json')
  const data = join(directory, 'data')
  writeFileSync(file, JSON.stringify({ data, ...settings }))
  const loaded = loadConfig({ file, env: {}, flags: { port: '0' } })
  if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems))
  const log: string[] = []
  const panda = await startPanda(loaded.config, {
    log: pino({ level: 'warn' }, { write: line => void log.push(line) }),
  })
  const ask = (method: string, path: string, headers: Record<string, string>, body?: string) =>
    new Promise<{ status: number; body: string }>((resolve, reject) => {
      const { port } = panda.address
      const sent = request({ host: '127.0.0.1', port, method, path, headers, agent: false }, response => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', chunk => {
          text += chunk
        })
        response.on('end', () => resolve({ status: response.statusCode ?? 0, body: text }))
      })
      sent.on('error', reject)
      sent.end(body)
    })
  return {
    panda,
    data,
    log,
    get: (path, headers = {}) => ask('GET', path, headers),
    post: (path, body) => ask('POST', path, { 'content-type': 'application/json' }, JSON.stringify(body)),
    close: async () => {
      await panda.close()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
