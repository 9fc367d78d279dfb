import { type EventTemplate, eventId, type NostrEvent } from '../../../relay/event.ts'
import { startTime } from '../authors.ts'
import type { Served } from '../serve-relay.ts'

/** Stores so many events at once, unsigned, a second apart and the newest last; `template` changes what is usual. */
export async function storeMany(
  { relay, writer }: Served,
  count: number,
  template: (index: number) => Partial<EventTemplate & Pick<NostrEvent, 'pubkey'>> = () => ({}),
): Promise<NostrEvent[]> {
  const events = Array.from({ length: count }, (_, index) => {
    const usual = { pubkey: 'a'.repeat(64), created_at: startTime - count + index, kind: 1, tags: [], content: '' }
    const event = { ...usual, ...template(index) }
    return { id: eventId(event), sig: '0'.repeat(128), ...event }
  })
  await new Promise<void>((resolve, reject) => {
    writer.submit({
      lane: 'events',
      run: () => events.map(event => relay.store.put(event)),
      done: outcome => {
        if (!outcome.ok) return reject(outcome.error)
        for (const put of outcome.value) {
          if (put.status === 'stored') relay.store.markDelivered(put.seq, put.record)
        }
        resolve()
      },
    })
  })
  return events
}

/** Waits for something that happens on later turns, however slow the machine is. */
export async function until(isTrue: () => boolean | Promise<boolean>): Promise<void> {
  for (const endMs = performance.now() + 10_000; !(await isTrue()); ) {
    if (performance.now() > endMs) throw new Error('it did not happen')
    await new Promise(resolve => setTimeout(resolve, 2))
  }
}

/** Lets so many turns of the event loop pass. */
export async function turns(count: number): Promise<void> {
  for (let index = 0; index < count; index++) await new Promise(setImmediate)
}
