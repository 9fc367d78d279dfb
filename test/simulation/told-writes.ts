import type { Rows } from '../../relay/store/pending-writes.ts'
import type { Environment } from '../../src/store/environment.ts'
import type { TableInfo } from '../../src/store/table.ts'

/** Gives an environment that tells of each write of a row before it is made; `after` is `undefined` for one that is deleted. */
export function withToldWrites(
  inner: Environment,
  tell: (table: TableInfo, key: Buffer, after: Buffer | undefined) => void,
): Environment {
  const wrapped = new Map<string, Rows>()
  const wrap = (table: TableInfo): Rows => {
    const bytes = inner.bytes(table)
    const methods = {
      get: (key: Buffer) => bytes.get(key),
      getBinary: (key: Buffer) => bytes.getBinary(key),
      getBinaryFast: (key: Buffer) => bytes.getBinaryFast(key),
      getRange: (options: Parameters<Rows['getRange']>[0]) => bytes.getRange(options),
      putSync: (key: Buffer, value: Buffer) => {
        tell(table, key, value)
        return bytes.putSync(key, value)
      },
      removeSync: (key: Buffer) => {
        tell(table, key, undefined)
        return bytes.removeSync(key)
      },
    }
    return methods as unknown as Rows
  }
  const bytes = (table: TableInfo): Rows => {
    let one = wrapped.get(table.name)
    if (one === undefined) {
      one = wrap(table)
      wrapped.set(table.name, one)
    }
    return one
  }
  return {
    ...inner,
    bytes,
    transactor: {
      ...inner.reader,
      put: (table, key, row) => void bytes(table).putSync(table.encodeKey(key), table.codec.encode(row)),
      delete: (table, key) => void bytes(table).removeSync(table.encodeKey(key)),
    },
  }
}
