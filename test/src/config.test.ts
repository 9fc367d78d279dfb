import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { nip19 } from 'nostr-tools'
import { afterAll, describe, expect, it } from 'vitest'
import { limitsSection } from '../../src/config/limits.ts'
import { formatProblem } from '../../src/config/problems.ts'
import { variableOf } from '../../src/config/sources.ts'
import { leafPaths } from '../../src/config/tree.ts'
import { loadConfig } from '../../src/config.ts'

const directory = mkdtempSync(join(tmpdir(), 'panda-config-'))
afterAll(() => rmSync(directory, { recursive: true }))

let files = 0
function fileWith(text: string): string {
  const file = join(directory, `${files++}.yaml`)
  writeFileSync(file, text)
  return file
}

const load = (yaml: string | null, env: Record<string, string> = {}, flags: { data?: string; port?: string } = {}) =>
  loadConfig({ file: yaml === null ? undefined : fileWith(yaml), env, flags })

function configOf(...args: Parameters<typeof load>) {
  const loaded = load(...args)
  if (!loaded.ok) throw new Error(loaded.problems.map(formatProblem).join('\n'))
  return loaded.config
}

function problemsOf(...args: Parameters<typeof load>) {
  const loaded = load(...args)
  return loaded.ok ? [] : loaded.problems
}

const hex = 'b0635d6a9851d3aed0cd6c495b282167acf761729078d975fc341b22650b07b9'
const npub = nip19.npubEncode(hex)

describe('the configuration', () => {
  it('has a default for everything', () => {
    const config = configOf(null)
    expect(config).toMatchObject({
      listen: { host: '127.0.0.1', port: 4848 },
      data: './data',
      publicUrls: { http: null, websocket: null },
      network: 'regtest',
      wallet: 'dev:',
      domains: [{ name: 'localhost', basePriceSat: 1000, pricePerCharSat: 100, ttlSeconds: 3600, open: true }],
      operators: [],
      orders: { invoiceExpirySeconds: 900, unpaidHoldsPerIp: 10 },
      identifiers: { minLength: 1, maxLength: 64, graceDays: 30 },
      relay: { policy: 'members' },
      trustedProxies: [],
      metrics: { allow: ['127.0.0.0/8', '::1'] },
      log: { level: 'info' },
    })
    expect(config.identifiers.reserved).toEqual(expect.arrayContaining(['_', 'admin', 'postmaster', 'abuse', 'www']))
  })

  it('is what the example file shows', () => {
    const example = new URL('../../config/panda.example.yaml', import.meta.url).pathname
    const loaded = loadConfig({ file: example, env: {}, flags: {} })
    expect(loaded).toEqual({ ok: true, config: configOf(null) })
  })

  it('is frozen all the way down', () => {
    const frozen = (value: unknown): boolean =>
      typeof value !== 'object' || value === null || (Object.isFrozen(value) && Object.values(value).every(frozen))
    expect(frozen(configOf('operators: []\nlisten:\n  port: 1'))).toBe(true)
  })

  it('is the default when the file is empty or a section has only comments', () => {
    expect(configOf('')).toEqual(configOf(null))
    expect(configOf('listen:\n  # port: 1\nlog:\n')).toEqual(configOf(null))
  })

  it('takes keys as npub or hex, once each, as hex', () => {
    expect(configOf(`operators: [${npub}, ${hex}]\nstaff: ['${hex.toUpperCase()}']`)).toMatchObject({
      operators: [hex],
      staff: [hex],
    })
  })

  it('fills in the prices of a domain and keeps URLs in one spelling', () => {
    expect(configOf('domains:\n  - name: example.com')).toMatchObject({
      domains: [{ name: 'example.com', basePriceSat: 1000, open: true }],
    })
    expect(configOf('publicUrls: {http: "https://a.example/", websocket: "wss://a.example"}').publicUrls).toEqual({
      http: 'https://a.example',
      websocket: 'wss://a.example',
    })
  })

  it('lets file, environment and flags win in this order', () => {
    const yaml = 'listen:\n  port: 1\n  host: 0.0.0.0\ndata: file'
    const [env, flags] = [
      { PANDA_LISTEN_PORT: '2', PANDA_DATA: 'env' },
      { port: '3', data: 'flag' },
    ]
    expect(configOf(yaml)).toMatchObject({ listen: { port: 1 }, data: 'file' })
    expect(configOf(yaml, env)).toMatchObject({ listen: { port: 2, host: '0.0.0.0' }, data: 'env' })
    expect(configOf(yaml, env, flags)).toMatchObject({ listen: { port: 3 }, data: 'flag' })
  })

  it('reads the file that PANDA_CONFIG names, unless a flag names another', () => {
    const env = { PANDA_CONFIG: fileWith('data: of-environment') }
    expect(configOf(null, env).data).toBe('of-environment')
    expect(configOf('data: of-flag', env).data).toBe('of-flag')
  })
})

describe('environment variables', () => {
  it.each<[Record<string, string>, object]>([
    [{ PANDA_PORT: '7' }, { listen: { port: 7 } }],
    [{ PANDA_PORT: '7', PANDA_LISTEN_PORT: '8' }, { listen: { port: 8 } }],
    [{ PANDA_LISTEN_PORT: '8', PANDA_PORT: '7' }, { listen: { port: 8 } }],
    [{ PANDA_ORDERS_UNPAID_HOLDS_PER_IP: '5' }, { orders: { unpaidHoldsPerIp: 5 } }],
    [{ PANDA_PUBLIC_URLS_HTTP: 'https://a.example' }, { publicUrls: { http: 'https://a.example' } }],
    [{ PANDA_RELAY_LIMITS_MAX_FILTERS: '5' }, { relay: { limits: { maxFilters: 5, maxMessageBytes: 131_072 } } }],
    [{ PANDA_OPERATORS: `${npub}, ${hex}` }, { operators: [hex] }],
    [{ PANDA_DOMAINS: '[{"name":"a.example","open":false}]' }, { domains: [{ name: 'a.example', open: false }] }],
    [{ PANDA_LOG_LEVEL: '' }, { log: { level: 'info' } }],
    [{ PANDA_REQUIRE_NATIVE: '1', HOME: '/root' }, { data: './data' }],
  ])('%o are understood', (env, expected) => {
    expect(configOf(null, env)).toMatchObject(expected)
  })

  it('have one name per key', () => {
    const names = leafPaths(configOf(null)).map(variableOf)
    expect(new Set(names).size).toBe(names.length)
  })

  it('are refused by name when there is no such key', () => {
    const [problem, ...more] = problemsOf(null, { PANDA_LISTEN_PROT: '80' })
    expect(more).toEqual([])
    expect(problem).toMatchObject({
      path: 'PANDA_LISTEN_PROT',
      value: '(not shown)',
      expected: expect.stringContaining('PANDA_LISTEN_PORT'),
    })
  })

  it.each(['PANDA_LND_MACAROON', 'PANDA_CLN_RUNE', 'PANDA_WALLET_SECRET', 'PANDA_API_TOKEN', 'PANDA_SERVICE_KEY'])(
    'are refused without their value when it may be secret: %s',
    name => {
      expect(problemsOf(null, { [name]: 'hunter2' })).toMatchObject([{ path: name, value: '(not shown)' }])
    },
  )
})

describe('problems', () => {
  it.each<[string, string, string | RegExp]>([
    ['listen: {port: 65536}', 'listen.port', 'a whole number from 0 to 65535'],
    ['listen: {port: 1.5}', 'listen.port', 'a whole number from 0 to 65535'],
    ['listen: {port: "80"}', 'listen.port', 'a whole number from 0 to 65535'],
    ['listen: 80', 'listen', 'a section of keys and values'],
    ['listen: {prot: 80}', 'listen.prot', 'a known key (did you mean listen.port?)'],
    ['port: 80', 'port', 'a known key (did you mean listen.port?)'],
    ['nonsense: 1', 'nonsense', 'a known key'],
    ['network: bitcoin', 'network', 'one of regtest, signet, testnet, mainnet'],
    ['wallet: "lnd:"', 'wallet', /lnd:https/],
    ['network: mainnet', 'wallet', /real wallet/],
    ['domains: localhost', 'domains', 'a list of domains'],
    ['domains: [{name: Example.com}]', 'domains[0].name', /lower case/],
    ['domains: [{name: example.com.}]', 'domains[0].name', /domain name/],
    ['domains: [{name: a, basePriceSats: 1}]', 'domains[0].basePriceSats', /domains\[0\]\.basePriceSat\?/],
    ['domains: [{name: a, base_price_sat: 1}]', 'domains[0].base_price_sat', /domains\[0\]\.basePriceSat\?/],
    ['domains: [{name: a, ttlSeconds: 59}]', 'domains[0].ttlSeconds', 'a whole number from 60 to 604800'],
    ['domains: [{name: a}, {name: a}]', 'domains[1].name', 'each domain once'],
    ['operators: [npub1xyz]', 'operators[0]', 'a public key as npub or 64 hex digits'],
    ['trustedProxies: [proxy.example]', 'trustedProxies[0]', 'an IP address or CIDR network'],
    ['metrics: {allow: [localhost]}', 'metrics.allow[0]', 'an IP address or CIDR network'],
    ['metrics: {allow: "127.0.0.1"}', 'metrics.allow', 'a list of IP addresses and CIDR networks'],
    ['relay: {icon: "javascript:alert(1)"}', 'relay.icon', 'an http:// or https:// URL, or null'],
    ['relay: {termsOfService: terms.html}', 'relay.termsOfService', 'an http:// or https:// URL, or null'],
    ['publicUrls: {http: "ftp://a.example"}', 'publicUrls.http', /https/],
    ['publicUrls: {websocket: "wss://a.example/?x"}', 'publicUrls.websocket', /without query/],
    ['identifiers: {minLength: 9, maxLength: 3}', 'identifiers.minLength', 'at most identifiers.maxLength'],
    ['identifiers: {reserved: [ADMIN]}', 'identifiers.reserved[0]', 'a name in lower case'],
    ['storage: {mapSizeBytes: 16777216}', 'storage.mapSizeBytes', 'at least storage.maxDataBytes'],
    ['relay: {limits: {maxFilter: 1}}', 'relay.limits.maxFilter', /relay\.limits\.maxFilters\?/],
    ['relay: {limits: {maxMessageBytes: 0}}', 'relay.limits.maxMessageBytes', /from 1 to/],
    ['log: {level: loud}', 'log.level', /^one of/],
    ['__proto__: {data: x}', '__proto__', 'a known key'],
  ])('of %s are at %s', (yaml, path, expected) => {
    const problems = problemsOf(yaml)
    expect(problems).toHaveLength(1)
    expect(problems[0]).toMatchObject({
      path,
      expected: typeof expected === 'string' ? expected : expect.stringMatching(expected),
    })
  })

  it.each([
    ['a: 1\na: 2', /DUPLICATE_KEY at line 2/],
    ['listen: {port: 1', /valid YAML/],
    ['data: !!js/function x', /valid YAML/],
    ['- data', /keys and values/],
    ['data: a\n---\ndata: b', /valid YAML/],
    ['a: &a [x]\nb: &b [*a,*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b,*b,*b]\nd: [*c,*c,*c,*c]', /anchor/],
    [`data: ${'x'.repeat(300_000)}`, /at most 262144 bytes/],
  ])('of the file %# name the file', (yaml, expected) => {
    const problems = problemsOf(yaml)
    expect(problems[0]).toMatchObject({ path: '--config', expected: expect.stringMatching(expected) })
  })

  it.each([
    ['that is not there', join(directory, 'absent.yaml'), /ENOENT/],
    ['that is a directory', directory, /a file/],
    ['that never ends', '/dev/zero', /a file/],
  ])('of a file %s are told', (_case, file, expected) => {
    const loaded = loadConfig({ env: { PANDA_CONFIG: file }, flags: {} })
    expect(loaded).toMatchObject({
      ok: false,
      problems: [{ path: 'PANDA_CONFIG', value: file, expected: expect.stringMatching(expected) }],
    })
  })

  it('are told all at once, each with who said it', () => {
    const problems = problemsOf(
      'walet: 1\nlisten: {host: 5}',
      { PANDA_RELAY_POLICY: 'none', PANDA_X: '1' },
      { port: 'x' },
    )
    expect(problems.map(({ path, source }) => `${path} ${source.replace(/^.*[/].*$/, 'file')}`).sort()).toEqual([
      'PANDA_X PANDA_X',
      'listen.host file',
      'listen.port --port',
      'relay.policy PANDA_RELAY_POLICY',
      'walet file',
    ])
  })

  it.each([
    'wallet: "nostr+walletconnect://x?secret=hunter2"',
    'operators: [nsec1hunter2]',
    'publicUrls: {http: "ftp://user:hunter2@a.example"}',
    'password: hunter2',
    'apiKey: hunter2',
    'relay: {secretToken: hunter2}',
    'unknown: {password: hunter2}',
    'password: {unknown: hunter2}',
    'data: [{macaroon: hunter2}]',
    'data: ["https://user:hunter2@a.example"]',
    'wallet: "lnd+https://a.example?macaroon=hunter2"',
    'wallet: "hunter2 legal winner thank year"',
    'listn: {a: "Bearer hunter2"}',
    'a: "hunter2\na: 2',
  ])('never repeat a secret: %s', yaml => {
    const lines = problemsOf(yaml).map(formatProblem)
    expect(lines.length).toBeGreaterThan(0)
    expect(lines.join('\n')).not.toContain('hunter2')
  })

  it.each<[string, string, string]>([
    ['wallet: "lnd:"', '"lnd:"', 'file'],
    ['network: mainnet', '"dev:"', 'defaults'],
    ['storage: {maxDataBytes: 1099511627776}', '68719476736', 'defaults'],
    ['rations: {commandsPerKeyPerMinute: 0}', '0', 'file'],
    ['listen: {prot: 80}', '80', 'file'],
    ['unknown: {nested: [1, {prune: true}]}', '(not shown)', 'file'],
    [`operators: ["${'ab'.repeat(31)}"]`, '"abababab…"', 'file'],
    ['data: [a, b]', '["a","b"]', 'file'],
    ['relay: {policy: null}', 'null', 'file'],
    ['domains: [{open: true}]', 'nothing', 'file'],
    ['relay: {name: &a [*a]}', '[[[["…"]]]]', 'file'],
  ])('show the value of %s: %s', (yaml, value, source) => {
    const shown = problemsOf(yaml).map(problem => [problem.value, problem.source.replace(/^.*[/].*$/, 'file')])
    expect(shown).toEqual([[value, source]])
  })

  it('are one line each, however long the value', () => {
    const [problem] = problemsOf(`network: "${'x'.repeat(500)}\\n"`)
    const text = problem === undefined ? '' : formatProblem(problem)
    expect(text).toMatch(/^network \(.*\): "x{59}… — expected one of .*$/)
    expect(text.length).toBeLessThan(300)
  })
})

describe('a section of limits', () => {
  const section = limitsSection({ maxBytes: 5, pingSeconds: 30 })

  it('keeps the defaults of the component and takes its keys', () => {
    expect(section.parse(undefined)).toEqual({ maxBytes: 5, pingSeconds: 30 })
    expect(section.parse({ maxBytes: 7 })).toEqual({ maxBytes: 7, pingSeconds: 30 })
  })

  it.each([
    { maxByte: 1 },
    { maxBytes: -1 },
    { maxBytes: 0 },
    { maxBytes: 2e9 },
    { maxBytes: 1.5 },
    { maxBytes: '1' },
    5,
  ])('refuses %o', value => {
    expect(section.safeParse(value).success).toBe(false)
  })
})
