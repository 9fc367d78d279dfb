/**
 * Byte strings to look others up in, by length. A node tells those below it apart by the byte at `at`; one without
 * `children` is a single value. However they were chosen, no byte of what is looked up is looked at more than twice.
 */
export type ValueTree = ReadonlyMap<number, Node>
type Node = { readonly value: Buffer; readonly at: number; readonly children: ReadonlyMap<number, Node> | null }

/** Makes the tree of some values; equal ones are one. Takes time for each of their bytes. */
export function growValueTree(values: readonly Buffer[]): ValueTree {
  const byLength = new Map<number, Node>()
  for (const [length, group] of groupBy(values, value => value.length)) byLength.set(length, grow(group, 0))
  return byLength
}

/** The only value that may be what `length` bytes at `start` are, if there is one. */
export function likeliestValue(tree: ValueTree, bytes: Buffer, start: number, length: number): Buffer | undefined {
  let node = tree.get(length)
  while (node !== undefined && node.children !== null) node = node.children.get(bytes[start + node.at] ?? 0)
  return node?.value
}

/** The node of values of one length that are alike before `from`. */
function grow(values: readonly [Buffer, ...Buffer[]], from: number): Node {
  const [first] = values
  for (let at = from; values.length > 1 && at < first.length; at++) {
    const byte = first[at]
    if (values.every(value => value[at] === byte)) continue
    const children = new Map<number, Node>()
    for (const [key, group] of groupBy(values, value => value[at] ?? 0)) children.set(key, grow(group, at + 1))
    return { value: first, at, children }
  }
  return { value: first, at: 0, children: null }
}

function groupBy(
  values: readonly Buffer[],
  keyOf: (value: Buffer) => number,
): ReadonlyMap<number, [Buffer, ...Buffer[]]> {
  const groups = new Map<number, [Buffer, ...Buffer[]]>()
  for (const value of values) {
    const group = groups.get(keyOf(value))
    if (group === undefined) groups.set(keyOf(value), [value])
    else group.push(value)
  }
  return groups
}
