import { describe, expect, it } from 'vitest'
import { type RuleName, rules } from './architecture/rules.ts'
import { readSource, readTree } from './architecture/source.ts'

const tree = readTree(new URL('..', import.meta.url).pathname, ['relay', 'src', 'test', 'bench'])
const names = Object.keys(rules) as RuleName[]

/** Trees that break one rule each, and what is to be said of them. */
const violations: [RuleName, string, Record<string, string>, string][] = [
  [
    'arrows',
    'the relay imports business',
    { 'relay/query.ts': "import { a } from '../src/domain/a.ts'" },
    'src/domain/a.ts',
  ],
  ['arrows', 'even a type', { 'relay/query.ts': "import type { A } from '../src/rejections.ts'" }, 'src/rejections.ts'],
  ['arrows', 'even by import()', { 'relay/query.ts': "await import('../src/main.ts')" }, 'src/main.ts'],
  ['arrows', 'even in a type', { 'relay/query.ts': "type A = import('../src/main.ts').A" }, 'src/main.ts'],
  ['arrows', 'even passed on', { 'relay/query.ts': "export { a } from '../src/main.ts'" }, 'src/main.ts'],
  ['arrows', 'even all of it', { 'relay/query.ts': "export * from '../src/main.ts'" }, 'src/main.ts'],
  ['arrows', 'even for its effects', { 'relay/query.ts': "import '../src/main.ts'" }, 'src/main.ts'],
  [
    'arrows',
    'an adapter imports another',
    { 'src/adapters/mail/a.ts': "import type { B } from '../rates/port.ts'" },
    'rates/port.ts',
  ],
  [
    'arrows',
    'the domain imports the store',
    { 'src/domain/a.ts': "import { log } from '../store/log.ts'" },
    'src/store/log.ts',
  ],
  [
    'arrows',
    'a value among types',
    { 'src/domain/a.ts': "import { type A, b } from '../store/log.ts'" },
    'src/store/log.ts',
  ],
  [
    'arrows',
    'the domain imports a pipeline',
    { 'src/domain/a.ts': "import type { A } from '../pipeline/a.ts'" },
    'src/pipeline/a.ts',
  ],
  [
    'arrows',
    'a protocol imports the relay',
    { 'src/protocol/a.ts': "import { a } from '../../relay/filter.ts'" },
    'relay/filter.ts',
  ],
  [
    'arrows',
    'the store imports the domain',
    { 'src/store/a.ts': "import { a } from '../domain/a.ts'" },
    'src/domain/a.ts',
  ],
  [
    'arrows',
    'the store imports a protocol',
    { 'src/store/a.ts': "import { a } from '../protocol/a.ts'" },
    'src/protocol/a.ts',
  ],
  [
    'arrows',
    'the pipeline imports a job',
    { 'src/pipeline/a.ts': "import { a } from '../jobs/a.ts'" },
    'src/jobs/a.ts',
  ],
  ['arrows', 'a job imports HTTP', { 'src/jobs/a.ts': "import { a } from '../http/a.ts'" }, 'src/http/a.ts'],
  [
    'arrows',
    'HTTP imports an adapter',
    { 'src/http/a.ts': "import { a } from '../adapters/mail/a.ts'" },
    'adapters/mail',
  ],
  [
    'arrows',
    'HTTP imports relay values',
    { 'src/http/a.ts': "import { a } from '../../relay/store.ts'" },
    'relay/store.ts',
  ],
  ['arrows', 'the relay imports a test', { 'relay/a.ts': "import { a } from '../test/a.ts'" }, 'test/a.ts'],
  [
    'arrows',
    'the configuration imports the domain',
    { 'src/config/file.ts': "import { a } from '../domain/a.ts'" },
    'src/domain/a.ts',
  ],
  [
    'arrows',
    'a job imports the root',
    { 'src/jobs/a.ts': "import { a } from '../service-key.ts'" },
    'src/service-key.ts',
  ],
  [
    'arrows',
    'the reader of invoices imports anything',
    { 'src/bolt11.ts': "import type { A } from './rejections.ts'" },
    'src/rejections.ts',
  ],
  ['arrows', 'a folder without a row', { 'src/somewhere/a.ts': 'export const a = 1' }, 'no row'],
  [
    'packages',
    'the domain reads files',
    { 'src/domain/a.ts': "import { readFile } from 'node:fs/promises'" },
    'node:fs',
  ],
  ['packages', 'the protocol opens a database', { 'src/protocol/a.ts': "import { open } from 'lmdb'" }, 'lmdb'],
  ['nondeterminism', 'a clock', { 'src/domain/a.ts': 'export const a = () => Date.now()' }, 'Date.now'],
  ['nondeterminism', 'a clock, taken apart', { 'src/domain/a.ts': 'const { now } = Date' }, 'Date.now'],
  ['nondeterminism', 'a clock, globally', { 'src/domain/a.ts': 'globalThis.Date.now()' }, 'Date.now'],
  ['nondeterminism', 'a clock, in brackets', { 'src/domain/a.ts': "Date['now']()" }, 'Date.now'],
  ['nondeterminism', 'a date of now', { 'src/pipeline/a.ts': 'export const a = new Date()' }, 'new Date()'],
  ['nondeterminism', 'chance', { 'src/protocol/a.ts': 'export const a = Math.random()' }, 'Math.random'],
  [
    'nondeterminism',
    'random bytes',
    { 'src/domain/a.ts': "import { randomBytes as b } from 'node:crypto'" },
    'randomBytes',
  ],
  ['nondeterminism', 'a random id', { 'src/domain/a.ts': 'crypto.randomUUID()' }, 'randomUUID'],
  ['nondeterminism', 'the environment', { 'src/domain/a.ts': 'process.env.PANDA' }, 'process.env'],
  ['nondeterminism', 'a date of now, as text', { 'src/domain/a.ts': 'export const a = Date()' }, 'Date()'],
  [
    'nondeterminism',
    'an order of the machine’s language',
    { 'src/domain/a.ts': "'a'.localeCompare('b')" },
    'localeCompare',
  ],
  [
    'nondeterminism',
    'a module by the back door',
    { 'src/domain/a.ts': "process.getBuiltinModule('fs')" },
    'getBuiltin',
  ],
  ['nondeterminism', 'the network', { 'src/domain/a.ts': "void fetch('https://a.test')" }, 'fetch()'],
  ['nondeterminism', 'the network, globally', { 'src/domain/a.ts': "globalThis.fetch('https://a.test')" }, 'fetch()'],
  ['nondeterminism', 'a connection', { 'src/protocol/a.ts': "new WebSocket('ws://a.test')" }, 'new WebSocket'],
  ['nondeterminism', 'a later turn', { 'src/domain/a.ts': 'setTimeout(() => {}, 1)' }, 'setTimeout()'],
  ['empty names', 'a folder', { 'src/domain/utils/time.ts': '' }, '"utils"'],
  ['empty names', 'a file', { 'relay/helpers.ts': '' }, '"helpers"'],
  ['empty names', 'part of a name', { 'src/http/http-util.ts': '' }, '"http-util"'],
  ['empty names', 'a test', { 'test/relay/common.test.ts': '' }, '"common"'],
  [
    'barrels',
    'named exports of others',
    { 'src/domain/all.ts': "export { a } from './a.ts'\nexport { b } from './b.ts'" },
    'only exports',
  ],
  ['barrels', 'everything of others', { 'src/domain/all.ts': "export * from './a.ts'" }, 'only exports'],
  ['barrels', 'in two steps', { 'src/domain/all.ts': "import { a } from './a.ts'\nexport { a }" }, 'only exports'],
  ['barrels', 'by name', { 'src/domain/index.ts': 'export const a = 1' }, 'index'],
  ['dead files', 'nobody imports it', { 'src/cli/panda.ts': '', 'src/domain/a.ts': '' }, 'src/domain/a.ts'],
  [
    'dead files',
    'two that import each other',
    { 'src/cli/panda.ts': '', 'relay/a.ts': "import './b.ts'", 'relay/b.ts': "import './a.ts'" },
    'relay/a.ts',
  ],
  [
    'dead files',
    'only its test imports it',
    { 'src/cli/panda.ts': '', 'relay/a.ts': '', 'test/a.test.ts': "import '../relay/a.ts'" },
    'relay/a.ts',
  ],
  ['dead files', 'of no test', { 'test/clock.ts': '', 'test/a.test.ts': '' }, 'test/clock.ts'],
  ['length', 'of 401 lines', { 'relay/a.ts': 'export {}\n'.repeat(401) }, '401 lines'],
  ['suppressions', 'of the linter', { 'relay/a.ts': '// biome-ignore lint: because\n' }, 'biome-ignore'],
  ['suppressions', 'of the compiler', { 'relay/a.ts': '/* @ts-expect-error */\n' }, '@ts-expect-error'],
  ['suppressions', 'of work', { 'relay/a.ts': '// TODO: later\n' }, 'TODO'],
]

/** A tree that comes close to breaking every rule. */
const sound = {
  'src/cli/panda.ts': "import '../main.ts'",
  'src/main.ts': [
    "import './config.ts'",
    "import './domain/a.ts'",
    "import '../relay/query/query.ts'",
    "import './adapters/mail/smtp.ts'",
    "import './pipeline/a.ts'",
  ].join('\n'),
  'src/config.ts':
    "import { limits } from './config/limits.ts'\nimport type { tables } from './store/tables.ts'\nexport const a: tables = limits",
  'src/config/limits.ts': 'export const limits = process.env',
  'src/domain/a.ts': [
    "import { createHash } from 'node:crypto'",
    "import { tables } from '../store/tables.ts'",
    "import { type Reader, type Transactor } from '../store/transaction.ts'",
    "import { reject } from '../rejections.ts'",
    '// Date.now() and Math.random() are what we do without',
    "export const at = (seconds: number) => [new Date(seconds), 'process.env', createHash, tables, reject]",
    'export const record = (clock: { now(): number }) => clock.now()',
  ].join('\n'),
  'src/pipeline/a.ts': [
    "import { verify } from '../../relay/query.ts'",
    'export const a = () => setTimeout(verify, 1)',
    'export { a as b }',
  ].join('\n'),
  'src/store/tables.ts': "export const tables = ['sharing']",
  'src/store/transaction.ts': "import type { Kind } from '../protocol/kind.ts'\nexport type Reader = Kind",
  'src/protocol/kind.ts':
    "import { tagValue } from '../../relay/event.ts'\nimport type { Filter } from '../../relay/query.ts'\nexport { tagValue }\nexport const kind = 1",
  'src/adapters/mail/smtp.ts':
    "import type { Mail } from './port.ts'\nimport { parse } from '../../bolt11.ts'\nexport const send = (mail: Mail) => parse(mail)",
  'src/bolt11.ts': "import { decode } from 'bolt11'\nexport const parse = decode",
  'src/adapters/mail/port.ts': "import { createServer } from 'node:net'\nexport const port = createServer",
  'src/rejections.ts': `${'// long\n'.repeat(398)}export const reject = Date.now()\n`,
  'relay/query.ts': "import { tagValue } from './event.ts'\nexport const verify = () => tagValue",
  'relay/event.ts': 'export const tagValue = Math.random()',
  'test/relay/query.test.ts': "import '../clock.ts'\nnew URL('./writer.ts', import.meta.url)",
  'test/relay/writer.ts': 'export const shared = 1',
  'test/clock.ts': 'export const clock = () => Date.now()',
}

function check(rule: RuleName, files: Record<string, string>): string[] {
  return rules[rule](Object.entries(files).map(([path, text]) => readSource(path, text)))
}

describe('the project', () => {
  it('is read', () => {
    expect(tree.map(source => source.path)).toEqual(expect.arrayContaining(['relay/event.ts', 'src/rejections.ts']))
    expect(tree.find(source => source.path === 'test/architecture.test.ts')?.imports).toHaveLength(3)
  })

  it.each(names)('obeys the rule of %s', name => {
    expect(rules[name](tree)).toEqual([])
  })
})

describe('the rules', () => {
  it.each(violations)('%s: %s', (rule, _description, files, said) => {
    const [violation] = check(rule, files)
    expect(violation).toContain(said)
  })

  it.each(names)('%s: have nothing to say of a sound tree', name => {
    expect(check(name, sound)).toEqual([])
  })

  it('are each shown to fail', () => {
    expect([...new Set(violations.map(([rule]) => rule))].sort()).toEqual([...names].sort())
  })

  it('are not silent about a file that does not parse', () => {
    expect(() => readSource('relay/a.ts', 'import {')).toThrow('relay/a.ts')
  })
})
