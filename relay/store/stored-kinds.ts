import { endKey, kindPrefix } from './keys.ts'
import type { EventStore } from './store.ts'

/** The kinds of which there are stored events, found by stepping from one to the next. */
export function* storedKinds(store: EventStore): Generator<number> {
  const { byKind } = store.databases
  for (let kind = 0; kind <= 0xffff; ) {
    const [key] = byKind.getKeys({ start: kindPrefix(kind), limit: 1 })
    if (key === undefined) return
    const found = key.readUInt16BE(0)
    yield found
    kind = found + 1
  }
}

/** How many events of a kind are stored. Goes through their keys: a million take a tenth of a second. */
export function countOfKind(store: EventStore, kind: number): number {
  const prefix = kindPrefix(kind)
  return store.databases.byKind.getKeysCount({ start: prefix, end: endKey(prefix, 0) })
}
