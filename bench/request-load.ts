import { latencyOf } from './latency.ts'
import type { LoadResult, LoadTask } from './load-task.ts'
import { readLines } from './notes.ts'
import { connectWire, textFrame, type WireClient } from './websocket.ts'

/** `["EOSE","3"]` and `["EVENT","3",…]` differ in their fourth byte; a refusal is `["CLOSED",…`. */
const verbAt = 3
const slotAt = '["EOSE","'.length

/** Connects and makes every frame; each client has as many subscriptions as requests in flight, used again and again. */
export async function prepareRequests(task: LoadTask & { kind: 'request' }): Promise<() => Promise<LoadResult>> {
  const { port, file, clients, inFlight } = task
  const frames = readLines(file).map((filter, index) => textFrame(`["REQ","${index % inFlight}",${filter}]`))
  const perSlot = Array.from({ length: inFlight }, (_, slot) => frames.filter((_, index) => index % inFlight === slot))
  const durationsMs: number[] = []
  let received = 0
  let finish: (error?: Error) => void = () => undefined

  const connected: { client: WireClient; begin(slot: number): void }[] = []
  for (let index = 0; index < clients; index++) {
    const startedAtMs: number[] = []
    const begin = (slot: number) => {
      const frame = perSlot[slot]?.pop()
      if (frame === undefined) return
      startedAtMs[slot] = performance.now()
      client.send([frame])
    }
    const client: WireClient = await connectWire(port, {
      onLost: error => finish(error),
      onMessages: payloads => {
        for (const payload of payloads) {
          if (payload[verbAt] === 0x56) received++
          else if (payload[verbAt] !== 0x4f) return finish(new Error(`refused: ${payload.toString('utf8')}`))
          else {
            const slot = (payload[slotAt] ?? 0) - 0x30
            durationsMs.push(performance.now() - (startedAtMs[slot] ?? Number.NaN))
            begin(slot)
          }
        }
        if (durationsMs.length >= frames.length) finish()
      },
    })
    connected.push({ client, begin })
  }

  return async () => {
    const startMs = performance.now()
    await new Promise<void>((resolve, reject) => {
      finish = error => (error === undefined ? resolve() : reject(error))
      for (const { begin } of connected) for (let slot = 0; slot < inFlight; slot++) begin(slot)
    })
    const seconds = (performance.now() - startMs) / 1_000
    for (const { client } of connected) client.close()
    return { ...latencyOf(durationsMs), seconds, received }
  }
}
