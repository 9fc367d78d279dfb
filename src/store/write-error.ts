import { closeSync, openSync, readFileSync, readSync, writeSync } from 'node:fs'

/**
 * What lmdb 3.5.6 (mdb.c, `mdb_page_flush`) says of a page that it could not write goes into 100 bytes, and is longer when
 * lengths that were never set are large: a full or failing disk would then destroy the heap. Nothing reads the text.
 */
const shortFormat = 'Attempting to write page at position %u, size %u, blocks %u'

let isShort = false

/**
 * Shortens this text, once, where the library's constants lie in our memory, so that it always fits; says whether it is short. Only
 * Linux lets a process do so.
 */
export function shortenWriteError(): boolean {
  isShort ||= shorten()
  return isShort
}

function shorten(): boolean {
  try {
    const memory = openSync('/proc/self/mem', 'r+')
    try {
      const found = mappedLibrary().flatMap(range => occurrences(memory, range))
      for (const address of found) writeSync(memory, endOfText, 0, endOfText.length, address + shortFormat.length)
      return found.length > 0
    } finally {
      closeSync(memory)
    }
  } catch {
    return false
  }
}

const endOfText = Buffer.alloc(1)

type Range = { readonly start: number; readonly length: number }

function mappedLibrary(): Range[] {
  return readFileSync('/proc/self/maps', 'latin1')
    .split('\n')
    .flatMap(line => {
      const [, start = '', end = ''] = /^([0-9a-f]+)-([0-9a-f]+) r\S+ .*lmdb[^/]*\/[^/]*\.node$/.exec(line) ?? []
      if (start === '') return []
      return [{ start: Number.parseInt(start, 16), length: Number.parseInt(end, 16) - Number.parseInt(start, 16) }]
    })
}

function occurrences(memory: number, { start, length }: Range): number[] {
  const bytes = Buffer.alloc(length)
  readSync(memory, bytes, 0, length, start)
  const found: number[] = []
  for (let at = bytes.indexOf(shortFormat); at >= 0; at = bytes.indexOf(shortFormat, at + 1)) found.push(start + at)
  return found
}
