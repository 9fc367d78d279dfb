import { spawn } from 'node:child_process'
import type { Server } from './server.ts'

/** Which of a service's calls on its data file fail from now on, and how. */
export type Fault = { readonly calls: 'write' | 'sync'; readonly error: 'ENOSPC' | 'EIO' }

const systemCalls = { write: 'pwrite64,pwritev,writev', sync: 'fdatasync' } as const

/** Makes every such call on a file fail, as a broken disk would, until the faults are taken away again. */
export function injectFault(
  server: Server,
  file: string,
  { calls, error }: Fault,
): Promise<{ remove(): Promise<void> }> {
  const names = systemCalls[calls]
  const options = ['-e', `trace=${names}`, '-e', `inject=${names}:error=${error}`, '-P', file, '-o', '/dev/null']
  const [command, ...args] = ['strace', '-f', '-p', String(server.pid), ...options] as const
  const tracer = spawn(command, args, { stdio: ['ignore', 'ignore', 'pipe'] })
  const ended = new Promise(resolve => tracer.on('close', resolve))
  return new Promise((resolve, reject) => {
    let said = ''
    tracer.on('error', reject)
    tracer.on('close', () => reject(new Error(`strace ended: ${said}`)))
    tracer.stderr.on('data', (chunk: Buffer) => {
      said += chunk
      if (!said.includes('attached')) return
      resolve({
        remove: async () => {
          tracer.kill('SIGINT')
          await ended
        },
      })
    })
  })
}
