import type { NostrEvent } from '../../relay/event.ts'
import type { Connection } from './connection.ts'

/** Finds out where customers read (NIP-65) from the relays that they use. */
export type RelayLists = {
  /** A command of this author came by this connection. */
  wanted(author: string, connection: Connection): void
}

export const relayListKind = 10_002
const maxAuthors = 10_000
const atOnce = 8
const timeoutMs = 10_000

/** Asks for each author's list once, and for few at a time; whoever is asked for is forgotten when there are many. */
export function createRelayLists(options: {
  isHere(author: string): boolean
  /** Takes the list in as any event, which is checked. */
  submit(event: NostrEvent): void
}): RelayLists {
  const { isHere, submit } = options
  const asked = new Set<string>()
  let underWay = 0

  return {
    wanted: (author, connection) => {
      if (underWay >= atOnce || asked.has(author) || isHere(author)) return
      if (asked.size >= maxAuthors) asked.clear()
      asked.add(author)
      underWay++
      const id = `list-${author.slice(0, 16)}`
      let isOver = false
      const finish = () => {
        if (isOver) return
        isOver = true
        underWay--
        clearTimeout(timer)
        connection.unsubscribe(id)
      }
      const timer = setTimeout(finish, timeoutMs)
      timer.unref()
      connection.subscribe(
        id,
        { kinds: [relayListKind], authors: [author], limit: 1 },
        {
          event: value => {
            if (!isListOf(value, author)) return
            submit(value)
            finish()
          },
          end: finish,
          closed: finish,
        },
      )
    },
  }
}

function isListOf(value: unknown, author: string): value is NostrEvent {
  if (typeof value !== 'object' || value === null) return false
  const { kind, pubkey } = value as Record<string, unknown>
  return kind === relayListKind && pubkey === author
}
