import { setTimeout as delay } from 'node:timers/promises'

/** Looks again and again until there is something to see; rejects when that takes too long. */
export async function until<Value>(
  what: string,
  look: () => Value | undefined | Promise<Value | undefined>,
  timeoutMs = 15_000,
): Promise<Value> {
  const endMs = performance.now() + timeoutMs
  for (;;) {
    const seen = await look()
    if (seen !== undefined) return seen
    if (performance.now() > endMs) throw new Error(`waited ${timeoutMs} ms in vain: ${what}`)
    await delay(25)
  }
}
