import type { Message } from './child.ts'
import { prepareFanOut } from './fan-out-load.ts'
import { prepareIdle } from './idle-load.ts'
import type { LoadResult, LoadTask } from './load-task.ts'
import { prepareLookUps } from './look-up-load.ts'
import { preparePublish } from './publish-load.ts'
import { prepareRequests } from './request-load.ts'

/** The process that plays the clients: takes a task, prepares it, waits for `go`, reports, and takes the next. */
export function runLoadProcess(): void {
  const tell = (message: Message) => void process.send?.(message)
  const fail = (error: unknown) =>
    tell({ type: 'failed', reason: error instanceof Error ? error.message : String(error) })
  let run: (() => Promise<LoadResult>) | undefined
  process.once('disconnect', () => process.exit())
  process.on('message', (message: Message) => {
    if (message.type === 'task') {
      prepare(message.task).then(prepared => {
        run = prepared
        tell({ type: 'ready', port: message.task.port })
      }, fail)
    } else if (message.type === 'go') {
      run?.().then(result => tell({ type: 'done', result }), fail)
    }
  })
}

function prepare(task: LoadTask): Promise<() => Promise<LoadResult>> {
  switch (task.kind) {
    case 'publish':
      return preparePublish(task)
    case 'request':
      return prepareRequests(task)
    case 'fan-out':
      return prepareFanOut(task)
    case 'idle':
      return prepareIdle(task)
    case 'look-up':
      return prepareLookUps(task)
  }
}
