import type { Capabilities, LightningBackend } from './port.ts'

const keptMs = 60_000

/**
 * Keeps for a minute what a backend can do, which is asked before each invoice and payment. It says nothing of whether the
 * backend answers now: that is what `check` is for. `nowMs` is monotonic.
 */
export function withKeptCapabilities(backend: LightningBackend, { nowMs }: { nowMs(): number }): LightningBackend {
  let kept: { readonly said: Capabilities; readonly untilMs: number } | null = null
  return {
    ...backend,
    capabilities: async signal => {
      if (kept !== null && nowMs() < kept.untilMs) return kept.said
      kept = null
      const said = await backend.capabilities(signal)
      kept = { said, untilMs: nowMs() + keptMs }
      return said
    },
  }
}
