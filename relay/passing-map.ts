/** A map whose values come and go by the thousand, and stay for milliseconds. */
export type PassingMap<Key, Value> = {
  get(key: Key): Value | undefined
  set(key: Key, value: Value): void
  delete(key: Key): void
  keys(): Iterable<Key>
  values(): Iterable<Value>
  size(): number
}

/**
 * Makes one that holds on to nothing that was taken out. V8's `Map` moves to a new table when the old one is full, which
 * stays as it was and points to the new one. Once the collector has moved one of them to the old generation, it takes all
 * that come after it for alive, with what stood in them, and moves that there too until the next full collection: each of
 * its short pauses is then several times as long. So values stand in boxes that are emptied, and an empty map begins anew.
 */
export function createPassingMap<Key, Value>(): PassingMap<Key, Value> {
  let boxes = new Map<Key, { value: Value | undefined }>()
  return {
    get: key => boxes.get(key)?.value,
    set: (key, value) => {
      const box = boxes.get(key)
      if (box === undefined) boxes.set(key, { value })
      else box.value = value
    },
    delete: key => {
      const box = boxes.get(key)
      if (box === undefined) return
      box.value = undefined
      if (boxes.size === 1) boxes = new Map()
      else boxes.delete(key)
    },
    keys: () => boxes.keys(),
    *values() {
      for (const { value } of boxes.values()) if (value !== undefined) yield value
    },
    size: () => boxes.size,
  }
}
