import { latencyOf } from './latency.ts'
import type { LoadResult, LoadTask } from './load-task.ts'
import { readLines } from './notes.ts'
import { every } from './pace.ts'
import { refusal, verbOf } from './verb.ts'
import { connectWire, textFrame, type WireClient } from './websocket.ts'

const idAt = '["OK","'.length
const idLength = 64
/** `["OK","<id>",true` */
const verdictAt = idAt + idLength + 2
const paceMs = 2

/** Connects and makes every frame, so that nothing but sending is left for the measured part. */
export async function preparePublish(task: LoadTask & { kind: 'publish' }): Promise<() => Promise<LoadResult>> {
  const { file, first, count, clients, inFlight, perSecond } = task
  const lines = readLines(file).slice(first, first + count)
  const events = lines.map(line => {
    const { id } = JSON.parse(line) as { id: string }
    return { id, frame: textFrame(`["EVENT",${line}]`) }
  })
  const sentAtMs = new Map<string, number>()
  const durationsMs: number[] = []
  let next = 0
  let finish: (error?: Error) => void = () => undefined

  const send = (client: WireClient, wanted: number) => {
    const chosen = events.slice(next, next + wanted)
    next += chosen.length
    const nowMs = performance.now()
    for (const { id } of chosen) sentAtMs.set(id, nowMs)
    client.send(chosen.map(({ frame }) => frame))
  }

  const connected: WireClient[] = []
  for (let index = 0; index < clients; index++) {
    const client: WireClient = await connectWire(task, {
      onLost: error => finish(error),
      onMessages: payloads => {
        const nowMs = performance.now()
        let answered = 0
        for (const payload of payloads) {
          const verb = verbOf(payload)
          if (verb === 'other') return finish(refusal(payload))
          const sent = sentAtMs.get(payload.toString('latin1', idAt, idAt + idLength))
          if (verb !== 'OK' || sent === undefined) continue
          if (payload[verdictAt] !== 0x74) return finish(refusal(payload))
          durationsMs.push(nowMs - sent)
          answered++
        }
        if (durationsMs.length >= events.length) return finish()
        if (perSecond === undefined) send(client, answered)
      },
    })
    connected.push(client)
  }

  return async () => {
    const startMs = performance.now()
    await new Promise<void>((resolve, reject) => {
      finish = error => (error === undefined ? resolve() : reject(error))
      if (perSecond === undefined) for (const client of connected) send(client, inFlight)
      else every(paceMs, perSecond, events.length, due => sendTo(connected, send, due))
    })
    const seconds = (performance.now() - startMs) / 1_000
    for (const client of connected) client.close()
    return { ...latencyOf(durationsMs), seconds, received: 0 }
  }
}

function sendTo(clients: readonly WireClient[], send: (client: WireClient, wanted: number) => void, due: number): void {
  const share = Math.ceil(due / clients.length)
  for (let index = 0; index * share < due; index++) {
    const client = clients[index]
    if (client !== undefined) send(client, Math.min(share, due - index * share))
  }
}
