import { type ChildProcess, fork } from 'node:child_process'
import type { LoadResult, LoadTask } from './load-task.ts'

/** What this program also is, when it starts itself as a process of its own. */
export const childRoles = ['load', 'constant-route'] as const
export type ChildRole = (typeof childRoles)[number]

/** Between the processes: the child says what it has come to, `go` lets it begin. */
export type Message =
  | { readonly type: 'ready'; readonly port: number }
  | { readonly type: 'task'; readonly task: LoadTask }
  | { readonly type: 'go' }
  | { readonly type: 'done'; readonly result: LoadResult }
  | { readonly type: 'failed'; readonly reason: string }

const timeoutMs = 300_000

/** Load that has been prepared in its own process, and begins at `run`. */
export type PreparedLoad = { run(): Promise<LoadResult> }

/** Starts a process for a task and waits until it is connected and has made everything that it will send. */
export async function prepareLoad(task: LoadTask): Promise<PreparedLoad> {
  const child = startChild('load')
  child.send({ type: 'task', task } satisfies Message)
  await expectMessage(child, 'ready')
  return {
    run: async () => {
      child.send({ type: 'go' } satisfies Message)
      const { result } = await expectMessage(child, 'done')
      child.kill()
      return result
    },
  }
}

/** Starts the HTTP server that the lookups are compared with. */
export async function startConstantRoute(): Promise<{ port: number; pid: number; stop(): void }> {
  const child = startChild('constant-route')
  const { port } = await expectMessage(child, 'ready')
  if (child.pid === undefined) throw new Error('the constant route did not start')
  return { port, pid: child.pid, stop: () => void child.kill() }
}

function startChild(role: ChildRole): ChildProcess {
  const child = fork(new URL('./bench.ts', import.meta.url), [role], { stdio: 'inherit' })
  const kill = () => void child.kill('SIGKILL')
  process.once('exit', kill)
  child.once('exit', () => process.off('exit', kill))
  return child
}

function expectMessage<Type extends Message['type']>(
  child: ChildProcess,
  type: Type,
): Promise<Message & { type: Type }> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      reject(new Error('a client process took too long'))
    }, timeoutMs)
    const end = () => {
      clearTimeout(timer)
      child.off('message', onMessage).off('exit', onExit)
    }
    const onExit = () => {
      end()
      reject(new Error('a client process ended early'))
    }
    const onMessage = (value: unknown) => {
      const message = value as Message
      end()
      if (message.type === type) resolve(message as Message & { type: Type })
      else reject(new Error(message.type === 'failed' ? message.reason : `a client process said ${message.type}`))
    }
    child.on('message', onMessage).on('exit', onExit)
  })
}
