import { type Identifier, parseIdentifier } from '../../protocol/names.ts'
import { type RowOf, tables } from '../../store/tables.ts'
import type { Reader } from '../../store/transaction.ts'

/** How many aliases are followed from one name. */
export const maxAliasHops = 8

/** The name an identifier stands for in the end, following CNAME records; `null`: unknown, a loop, or too long a chain. */
export function followAliases(
  reader: Reader,
  start: Identifier,
): { identifier: Identifier; row: RowOf<'identifiers'> } | null {
  let identifier = start
  for (let hops = 0; hops <= maxAliasHops; hops++) {
    const row = reader.get(tables.identifiers, [identifier.domain, identifier.name])
    if (row === undefined) return null
    const alias = row.records.find(entry => entry.type === 'CNAME')
    if (alias === undefined) return { identifier, row }
    const next = parseIdentifier(alias.value)
    if (next === null) return null
    identifier = next
  }
  return null
}

/**
 * Whether a name would come back to itself, or go on too long, if it were an alias of `target`, as things stand. Aliases
 * of `name` are not looked at: anybody may make one, so strangers could forbid its owner an alias, and they have no bound.
 * What grows too long behind them, or was paid for after this was asked, is cut off by the bound of `followAliases`.
 */
export function wouldLoop(reader: Reader, name: Identifier, target: Identifier): boolean {
  let next = target
  for (let hops = 1; hops <= maxAliasHops; hops++) {
    if (next.name === name.name && next.domain === name.domain) return true
    const row = reader.get(tables.identifiers, [next.domain, next.name])
    const alias = row?.records.find(entry => entry.type === 'CNAME')
    const following = alias === undefined ? null : parseIdentifier(alias.value)
    if (following === null) return false
    next = following
  }
  return true
}
