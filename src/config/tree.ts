/** A section as it was read: nothing in it has been checked. */
export type Tree = { readonly [key: string]: unknown }

/** The paths of everything that can be set; a list is one thing. */
export function leafPaths(tree: Tree, prefix: readonly string[] = []): (readonly string[])[] {
  return Object.entries(tree).flatMap(([key, value]) => {
    const path = [...prefix, key]
    return isTree(value) ? leafPaths(value, path) : [path]
  })
}

/** Whether a value is a section: an object that is no list. */
export function isTree(value: unknown): value is Tree {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** What is at a path, `undefined` where there is nothing; inherited properties do not count. */
export function valueAt(tree: unknown, path: readonly PropertyKey[]): unknown {
  let value = tree
  for (const part of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, part)) return undefined
    value = (value as Record<PropertyKey, unknown>)[part]
  }
  return value
}

/** A copy of the tree with a setting in it; a section that is no section stays, to be reported. */
export function withSetting(tree: Tree, path: readonly string[], value: unknown): Tree {
  const [key, ...rest] = path
  if (key === undefined) return tree
  if (rest.length === 0) return { ...tree, [key]: value }
  const section = valueAt(tree, [key]) ?? {}
  return isTree(section) ? { ...tree, [key]: withSetting(section, rest, value) } : tree
}

/** A copy without sections whose every line is commented out, which YAML reads as null. */
export function withoutEmptySections(tree: Tree, defaults: Tree): Tree {
  const kept: [string, unknown][] = []
  for (const [key, value] of Object.entries(tree)) {
    const section = valueAt(defaults, [key])
    if (!isTree(section)) kept.push([key, value])
    else if (value !== null) kept.push([key, isTree(value) ? withoutEmptySections(value, section) : value])
  }
  return Object.fromEntries(kept)
}
