/** What waits in memory for clients that do not read, of all connections together. */
export type Backlog = {
  /** Takes a connection in. The returned function is told how much waits for it; `end` is called when it has to go. */
  join(end: () => void): (bytes: number) => void
  bytes(): number
}

type Member = { bytes: number; readonly end: () => void }

/** Makes the account. When all is more than `maxBytes`, the client that is furthest behind is ended, and the next. */
export function createBacklog(maxBytes: number): Backlog {
  const behind = new Set<Member>()
  let total = 0

  const set = (member: Member, bytes: number) => {
    total += bytes - member.bytes
    member.bytes = bytes
    if (bytes === 0) behind.delete(member)
    else behind.add(member)
  }

  const endFurthest = () => {
    let furthest: Member | undefined
    for (const member of behind) if (furthest === undefined || member.bytes > furthest.bytes) furthest = member
    if (furthest === undefined) return
    set(furthest, 0)
    furthest.end()
  }

  return {
    join: end => {
      const member: Member = { bytes: 0, end }
      return bytes => {
        if (bytes === member.bytes) return
        set(member, bytes)
        while (total > maxBytes) endFurthest()
      }
    },
    bytes: () => total,
  }
}
