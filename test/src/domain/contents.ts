import { createHash } from 'node:crypto'
import type { Environment } from '../../../src/store/environment.ts'
import { tables } from '../../../src/store/tables.ts'

/**
 * What the log and every table that follows from it hold, with the number of rows for people: of equal contents nothing was
 * moved, held, asked for or recorded in between. `except`: the log and what each of its entries adds to, where a fact came in.
 */
export function contentsOf(environment: Environment, except: readonly string[] = []): Record<string, string> {
  const contents: Record<string, string> = {}
  for (const table of Object.values(tables)) {
    if (table.mark === 'local' || except.includes(table.name)) continue
    const hash = createHash('sha256')
    let rows = 0
    for (const { key, value } of environment.bytes(table).getRange({})) {
      hash.update(`${key.toString('hex')} ${value.toString('hex')}\n`)
      rows++
    }
    contents[table.name] = `${rows} rows, ${hash.digest('hex').slice(0, 16)}`
  }
  return contents
}
