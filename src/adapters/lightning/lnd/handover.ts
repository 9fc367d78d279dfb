/** Hands items from several sources to one reader, one by one: a source goes on when its item was taken. */
export type Handover<Item> = {
  /** Resolves when the reader has taken it, or has left. */
  give(item: Item): Promise<void>
  /** Ends the reading: with an error, or quietly. What was not taken yet is dropped. */
  end(error?: unknown): void
  items(): AsyncGenerator<Item, void, void>
}

export function createHandover<Item>(): Handover<Item> {
  const waiting: { item: Item; taken: () => void }[] = []
  let ended: { error?: unknown } | null = null
  let wake = () => {}
  const end = (error?: unknown) => {
    ended ??= error === undefined ? {} : { error }
    for (const { taken } of waiting.splice(0)) taken()
    wake()
  }
  return {
    give: item =>
      new Promise(taken => {
        if (ended !== null) return taken()
        waiting.push({ item, taken })
        wake()
      }),
    end,
    items: async function* () {
      try {
        while (ended === null) {
          const next = waiting.shift()
          if (next === undefined) {
            await new Promise<void>(resolve => {
              wake = resolve
            })
            continue
          }
          try {
            yield next.item
          } finally {
            next.taken()
          }
        }
        if ('error' in ended) throw ended.error
      } finally {
        end()
      }
    },
  }
}
