/** What an operator is told about one of the relays that they have chosen; `relay` is its URL without a query. */
export type BridgeNews =
  | { readonly kind: 'away'; readonly relay: string; readonly reason: string }
  | { readonly kind: 'back'; readonly relay: string }
  /** Events of ours were given up. */
  | { readonly kind: 'refused'; readonly relay: string; readonly reason: string }

/** Tells of what changes between us and a relay, not of every attempt. */
export type Standing = {
  up(): void
  down(reason: string): void
  dropped(why: string): void
  stop(): void
}

/** One reason may hide behind another, and a relay may make up a new one each time. */
const maxReasons = 3

/** Makes it. A relay is back once it has stayed connected and `isWell` for `steadyMs`; one that never was away is not. */
export function createStanding(options: {
  key: string
  steadyMs: number
  isWell(): boolean
  tell(news: BridgeNews): void
}): Standing {
  const { key, steadyMs, isWell, tell } = options
  const relay = withoutQuery(key)
  const reasons = new Set<string>()
  /** The first words of what the relay refused events with, which are few. */
  const refusals = new Set<string>()
  let timer: NodeJS.Timeout | undefined

  const look = () => {
    timer = setTimeout(() => {
      if (!isWell()) return look()
      reasons.clear()
      tell({ kind: 'back', relay })
    }, steadyMs)
    timer.unref()
  }

  return {
    up: () => {
      if (reasons.size > 0) look()
    },
    down: reason => {
      clearTimeout(timer)
      if (reasons.has(reason) || reasons.size >= maxReasons) return
      reasons.add(reason)
      tell({ kind: 'away', relay, reason })
    },
    dropped: why => {
      const words = why.split(':', 1)[0] ?? ''
      if (refusals.has(words)) return
      refusals.add(words)
      tell({ kind: 'refused', relay, reason: why })
    },
    stop: () => clearTimeout(timer),
  }
}

/** A query may hold what only the operator and the relay should know. */
function withoutQuery(key: string): string {
  const url = new URL(key)
  url.search = ''
  return url.href
}
