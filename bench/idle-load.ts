import { connectCrowd } from './crowd.ts'
import { latencyOf } from './latency.ts'
import type { LoadResult, LoadTask } from './load-task.ts'

/** Connects everybody. */
export async function prepareIdle(task: LoadTask & { kind: 'idle' }): Promise<() => Promise<LoadResult>> {
  let lost: Error | undefined
  const startMs = performance.now()
  const clients = await connectCrowd(task, task.connections, () => ({
    onMessages: () => undefined,
    onLost: error => {
      lost = error
    },
  }))
  const takenMs = performance.now() - startMs
  return async () => {
    for (const client of clients) client.close()
    // Memory is reckoned for all of them.
    if (lost !== undefined) throw lost
    return { ...latencyOf([takenMs]), seconds: takenMs / 1_000, received: 0 }
  }
}
