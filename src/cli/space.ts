import type { Environment } from '../store/environment.ts'
import { databases } from '../store/tables.ts'

/** How the data file is used. Bytes are whole pages. */
export type Space = {
  readonly fileBytes: number
  /** Of the pages that nothing uses at the moment and that are used before the file grows. */
  readonly freeBytes: number
  readonly mapBytes: number
  readonly databases: readonly { readonly name: string; readonly entries: number; readonly bytes: number }[]
}

/** LMDB's numbers of a database's tree. */
type Tree = {
  pageSize: number
  treeBranchPageCount: number
  treeLeafPageCount: number
  overflowPages: number
  entryCount: number
}

/** The two pages at the beginning of the file. */
const metaPages = 2

/** Reads how the data file is used, which takes a look at each database and no more. */
export function measureSpace({ root }: Environment): Space {
  const whole = root.getStats() as Tree & { root: Tree; free: Tree; mapSize: number; lastPageNumber: number }
  const { pageSize } = whole
  const measured = databases.flatMap(({ name }) => {
    const database = root.openDB<Buffer, Buffer>({ name, keyEncoding: 'binary', encoding: 'binary' })
    const tree = (database as typeof database | undefined)?.getStats() as Tree | undefined
    return tree === undefined ? [] : [{ name, entries: tree.entryCount, bytes: pagesOf(tree) * pageSize }]
  })
  const fileBytes = (whole.lastPageNumber + 1) * pageSize
  const used = measured.reduce((sum, { bytes }) => sum + bytes, 0)
  const overhead = (metaPages + pagesOf(whole.root) + pagesOf(whole.free)) * pageSize
  return {
    fileBytes,
    freeBytes: Math.max(0, fileBytes - used - overhead),
    mapBytes: whole.mapSize,
    databases: measured.sort((a, b) => b.bytes - a.bytes),
  }
}

function pagesOf({ treeBranchPageCount, treeLeafPageCount, overflowPages }: Tree): number {
  return treeBranchPageCount + treeLeafPageCount + overflowPages
}
