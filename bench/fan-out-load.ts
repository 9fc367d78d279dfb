import { connectCrowd } from './crowd.ts'
import { latencyOf } from './latency.ts'
import type { LoadResult, LoadTask } from './load-task.ts'
import { readLines } from './notes.ts'
import { refusal, verbOf } from './verb.ts'
import { connectWire, textFrame } from './websocket.ts'

/** Everything that is published here; relays take it better with a limit, though nothing stored is wanted. */
const filter = '{"kinds":[1],"limit":1}'

/** Connects and subscribes everybody. */
export async function prepareFanOut(task: LoadTask & { kind: 'fan-out' }): Promise<() => Promise<LoadResult>> {
  const { file, first, count, sockets, subscriptions } = task
  const frames = readLines(file)
    .slice(first, first + count)
    .map(line => textFrame(`["EVENT",${line}]`))
  const requests = Array.from({ length: subscriptions }, (_, slot) => textFrame(`["REQ","${slot}",${filter}]`))
  /** What is still to come: answers to the requests at first, then deliveries of one event, and its OK. */
  let missing = sockets * subscriptions
  let awaited: 'EOSE' | 'EVENT' = 'EOSE'
  let received = 0
  let fail: (error: Error) => void = () => undefined
  let proceed: () => void = () => undefined

  const arrive = () => {
    missing--
    if (missing === 0) proceed()
  }
  const events = {
    onLost: (error: Error) => fail(error),
    onMessages: (payloads: readonly Buffer[]) => {
      for (const payload of payloads) {
        const verb = verbOf(payload)
        if (verb === 'other' || (verb === 'OK' && !payload.includes(',true'))) return fail(refusal(payload))
        if (verb === 'EVENT' && awaited === 'EVENT') received++
        if (verb === awaited || verb === 'OK') arrive()
      }
    },
  }
  const all = (begin: () => void) =>
    new Promise<void>((resolve, reject) => {
      fail = reject
      proceed = resolve
      begin()
    })

  const publisher = await connectWire(task, events)
  const listeners = await connectCrowd(task, sockets, () => events)
  await all(() => {
    for (const listener of listeners) listener.send(requests)
  })
  awaited = 'EVENT'

  return async () => {
    const durationsMs: number[] = []
    const startMs = performance.now()
    for (const frame of frames) {
      const sentAtMs = performance.now()
      await all(() => {
        missing = sockets * subscriptions + 1
        publisher.send([frame])
      })
      durationsMs.push(performance.now() - sentAtMs)
    }
    const seconds = (performance.now() - startMs) / 1_000
    for (const client of [publisher, ...listeners]) client.close()
    return { ...latencyOf(durationsMs), seconds, received }
  }
}
