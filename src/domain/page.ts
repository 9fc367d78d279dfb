/** An answer is encrypted in one piece of at most 64 KiB (NIP-44), of which lists take up to this much. */
const maxBytes = 48 * 1_024

/**
 * The first rows of a list that fit into one answer, at most `limit` and at least one, and whether there are more.
 * `rows` holds one more than `limit` when there are more to be had.
 */
export function fitPage<Row>(rows: readonly Row[], limit: number): { page: Row[]; hasMore: boolean } {
  const page: Row[] = []
  let bytes = 0
  for (const row of rows) {
    bytes += Buffer.byteLength(JSON.stringify(row))
    if (page.length === limit || (page.length > 0 && bytes > maxBytes)) return { page, hasMore: true }
    page.push(row)
  }
  return { page, hasMore: false }
}
