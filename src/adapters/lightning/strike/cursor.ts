/** How far a stream of settlements has come: all that was completed before a time was told, and some since. */
export type Progress = {
  /** Unix seconds, by Strike's clock. */
  readonly since: number
  /** Marks of what was completed since then and told. */
  readonly told: ReadonlySet<string>
}

/** What stands for a receive in a cursor: half of its id, which is random. */
export function markOf(receiveId: string): string {
  return receiveId.replaceAll('-', '').slice(0, 16).toLowerCase()
}

export function writeCursor({ since, told }: Progress): string {
  return `${since}.${[...told].join('')}`
}

/** Text that is no cursor starts from the first. */
export function readCursor(cursor: string | null): Progress {
  const [, since = '0', marks = ''] = /^(\d{1,12})\.((?:[0-9a-f]{16})*)$/.exec(cursor ?? '') ?? []
  return { since: Number(since), told: new Set(marks.match(/.{16}/g) ?? []) }
}
