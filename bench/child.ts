import { type ChildProcess, fork } from 'node:child_process'
import type { LoadResult, LoadTask } from './load-task.ts'

/** What this program also is, when it starts itself as a process of its own. */
export const childRoles = ['load', 'constant-route', 'naive-relay'] as const
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

/** Load processes that have nothing to do: starting one takes longer than many a task. */
const resting: ChildProcess[] = []

/** Gives a task to a process and waits until that is connected and has made everything that it will send. */
export async function prepareLoad(task: LoadTask): Promise<PreparedLoad> {
  const child = resting.pop() ?? startChild('load')
  child.ref()
  child.channel?.ref()
  child.send({ type: 'task', task } satisfies Message)
  await expectMessage(child, 'ready')
  return {
    run: async () => {
      child.send({ type: 'go' } satisfies Message)
      const { result } = await expectMessage(child, 'done')
      // It does not keep this program from ending, and ends with it.
      child.unref()
      child.channel?.unref()
      resting.push(child)
      return result
    },
  }
}

/** A server that a relay, or HTTP, is compared with. */
export type FloorServer = { readonly port: number; readonly pid: number; readonly path: string; stop(): void }

/** Starts it as a process of its own. */
export async function startFloorServer(role: Exclude<ChildRole, 'load'>): Promise<FloorServer> {
  const child = startChild(role)
  const { port } = await expectMessage(child, 'ready')
  if (child.pid === undefined) throw new Error(`the ${role} did not start`)
  return { port, pid: child.pid, path: '/', stop: () => void child.kill() }
}

function startChild(role: ChildRole): ChildProcess {
  const child = fork(new URL('./bench.ts', import.meta.url), [role], { stdio: 'inherit' })
  const kill = () => void child.kill('SIGKILL')
  process.once('exit', kill)
  child.once('exit', () => {
    process.off('exit', kill)
    const index = resting.indexOf(child)
    if (index >= 0) resting.splice(index, 1)
  })
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
