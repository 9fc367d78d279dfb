import { readdirSync, readFileSync } from 'node:fs'
import { join, posix } from 'node:path'
import { parseSync } from 'oxc-parser'

/** One import, export-from, `import()` or `import('…')` type. */
export type Import = {
  /** A path in the project, or the package's specifier. */
  readonly target: string
  readonly isPackage: boolean
  readonly typeOnly: boolean
}

/** What the rules need to know of one file. */
export type Source = {
  /** From the project's root, with slashes. */
  readonly path: string
  readonly lines: number
  readonly imports: readonly Import[]
  /** Nothing of its own, only what others export. */
  readonly isBarrel: boolean
  /** Dotted names that are read, such as `Date.now`, the bare names of what is imported, and calls: `fetch()`, `new WebSocket`, `new Date()` of now. */
  readonly uses: ReadonlySet<string>
  readonly strings: ReadonlySet<string>
  readonly comments: readonly string[]
}

type Node = { readonly type: string; readonly [field: string]: unknown }

/** Every TypeScript file below these folders of the project. */
export function readTree(root: string, folders: readonly string[]): Source[] {
  return folders.flatMap(folder =>
    readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' })
      .filter(name => name.endsWith('.ts'))
      .map(name => posix.join(folder, name.replaceAll('\\', '/')))
      .sort()
      .map(path => readSource(path, readFileSync(join(root, path), 'utf8'))),
  )
}

/** Reads one file's text. Throws when it does not parse: a file that is not understood is not checked. */
export function readSource(path: string, text: string): Source {
  const { program, comments, errors } = parseSync(path, text)
  const [error] = errors
  if (error) throw new Error(`${path}: ${error.message}`)
  const imports: Import[] = []
  const uses = new Set<string>()
  const strings = new Set<string>()
  visit(program, node => {
    const found = importOf(node)
    if (found) imports.push(resolve(path, found.specifier, found.typeOnly))
    for (const name of usesOf(node)) uses.add(name)
    if (node.type === 'Literal' && typeof node.value === 'string') strings.add(node.value)
  })
  return {
    path,
    lines: text.split('\n').length - 1,
    imports,
    isBarrel: isBarrel(program.body as unknown as readonly Node[]),
    uses,
    strings,
    comments: comments.map(comment => comment.value),
  }
}

function visit(value: unknown, see: (node: Node) => void): void {
  if (Array.isArray(value)) for (const item of value) visit(item, see)
  else if (isNode(value)) {
    see(value)
    for (const field of Object.values(value)) visit(field, see)
  }
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string'
}

function importOf(node: Node): { specifier: string; typeOnly: boolean } | undefined {
  const specifier = isNode(node.source) ? node.source.value : undefined
  if (typeof specifier !== 'string') return undefined
  switch (node.type) {
    case 'ImportDeclaration':
      return { specifier, typeOnly: isTypeOnly(node, 'importKind') }
    case 'ExportNamedDeclaration':
    case 'ExportAllDeclaration':
      return { specifier, typeOnly: isTypeOnly(node, 'exportKind') }
    case 'TSImportType':
      return { specifier, typeOnly: true }
    case 'ImportExpression':
      return { specifier, typeOnly: false }
    default:
      return undefined
  }
}

/** `import type { A }` as well as `import { type A }`; an import for its side effects has no specifiers. */
function isTypeOnly(node: Node, kind: 'importKind' | 'exportKind'): boolean {
  const specifiers = Array.isArray(node.specifiers) ? node.specifiers.filter(isNode) : []
  return node[kind] === 'type' || (specifiers.length > 0 && specifiers.every(specifier => specifier[kind] === 'type'))
}

function resolve(from: string, specifier: string, typeOnly: boolean): Import {
  const isPackage = !specifier.startsWith('.')
  return { target: isPackage ? specifier : posix.join(posix.dirname(from), specifier), isPackage, typeOnly }
}

function usesOf(node: Node): string[] {
  if (node.type === 'NewExpression' && nameOf(node.callee) === 'Date' && isEmpty(node.arguments)) return ['new Date()']
  if (node.type === 'NewExpression' && nameOf(node.callee) !== '') return [`new ${nameOf(node.callee)}`]
  if (node.type === 'CallExpression' && nameOf(node.callee) !== '') return [`${nameOf(node.callee)}()`]
  if (node.type === 'ImportSpecifier') return [nameOf(node.imported)]
  if (node.type === 'MemberExpression') {
    const property = isNode(node.property) ? String(node.property.name ?? node.property.value) : ''
    return [`${nameOf(node.object)}.${property}`, property]
  }
  // const { now } = Date
  if (node.type === 'VariableDeclarator' && isNode(node.id) && node.id.type === 'ObjectPattern')
    return (node.id.properties as Node[]).map(property => `${nameOf(node.init)}.${nameOf(property.key)}`)
  return []
}

/** The last name of an expression: `Date` of `Date` and of `globalThis.Date`. */
function nameOf(node: unknown): string {
  if (!isNode(node)) return ''
  return node.type === 'MemberExpression' ? nameOf(node.property) : String(node.name ?? '')
}

function isEmpty(value: unknown): boolean {
  return Array.isArray(value) && value.length === 0
}

function isBarrel(body: readonly Node[]): boolean {
  const passesOn = (node: Node) =>
    node.type === 'ExportAllDeclaration' || (node.type === 'ExportNamedDeclaration' && node.declaration === null)
  return body.some(passesOn) && body.every(node => node.type === 'ImportDeclaration' || passesOn(node))
}
