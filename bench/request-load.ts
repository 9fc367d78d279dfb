import { createDispatch } from './dispatch.ts'
import type { LoadResult, LoadTask } from './load-task.ts'
import { readLines } from './notes.ts'
import { refusal, verbOf } from './verb.ts'
import { connectWire, textFrame, type WireClient } from './websocket.ts'

/** Subscriptions are named by one digit. */
const slotAt = '["EOSE","'.length

/** One subscription of a client, used again and again. */
type Line = { readonly slot: number; client: WireClient | undefined; sinceMs: number }

/** Connects and makes every frame; each client has as many subscriptions as requests in flight. */
export async function prepareRequests(task: LoadTask & { kind: 'request' }): Promise<() => Promise<LoadResult>> {
  const { file, clients, inFlight, seconds, perSecond } = task
  const filters = readLines(file)
  const perSlot = Array.from({ length: inFlight }, (_, slot) => ({
    frames: filters
      .filter((_, index) => index % inFlight === slot)
      .map(filter => textFrame(`["REQ","${slot}",${filter}]`)),
    next: 0,
  }))
  const dispatch = createDispatch<Line>({
    begin: (line, sinceMs) => {
      const requests = perSlot[line.slot]
      const frame = requests?.frames[requests.next++ % requests.frames.length]
      if (frame === undefined) return dispatch.fail(new Error('there are fewer requests than may be in flight'))
      line.sinceMs = sinceMs
      line.client?.send([frame])
    },
    count: filters.length,
    seconds,
    perSecond,
  })
  let received = 0
  const connected: WireClient[] = []
  for (let index = 0; index < clients; index++) {
    const lines = Array.from({ length: inFlight }, (_, slot): Line => ({ slot, client: undefined, sinceMs: 0 }))
    const client = await connectWire(task, {
      onLost: dispatch.fail,
      onMessages: payloads => {
        for (const payload of payloads) {
          const verb = verbOf(payload)
          const line = verb === 'EOSE' ? lines[(payload[slotAt] ?? 0) - 0x30] : undefined
          if (line !== undefined) dispatch.answered(line, line.sinceMs)
          else if (verb === 'EVENT') received++
          else if (verb !== 'AUTH') return dispatch.fail(refusal(payload))
        }
      },
    })
    connected.push(client)
    for (const line of lines) {
      line.client = client
      dispatch.add(line)
    }
  }
  return async () => {
    const result = await dispatch.run()
    for (const client of connected) client.close()
    return { ...result, received }
  }
}
