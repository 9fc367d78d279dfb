import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { nip19 } from 'nostr-tools'
import { afterAll, describe, expect, it } from 'vitest'
import { configure } from '../../../src/cli/command-line.ts'
import { dispatch } from '../../../src/cli/dispatch.ts'
import { messageOf } from '../../../src/cli/failure.ts'
import { publicUrlsWarning, welcome } from '../../../src/cli/welcome.ts'
import { loadOrCreateKey } from '../../../src/service-key.ts'

const directory = mkdtempSync(join(tmpdir(), 'panda-cli-'))
afterAll(() => rmSync(directory, { recursive: true }))

async function panda(args: string[], env: Record<string, string> = {}) {
  const [out, err]: [string[], string[]] = [[], []]
  const exitCode = await dispatch(args, { env, print: line => out.push(line), complain: line => err.push(line) })
  return { exitCode, out: out.join('\n'), err: err.join('\n') }
}

describe('panda', () => {
  it.each([['--help'], ['-h'], ['help'], ['start', '--help'], ['dev', 'pay', '--help']])(
    'explains itself: %s %s',
    async (...args) => {
      const { exitCode, out } = await panda(args)
      expect(exitCode).toBe(0)
      for (const word of ['start', 'send', 'verify', 'pubkey', 'clock confirm', 'dev pay']) expect(out).toContain(word)
    },
  )

  it('says its version', async () => {
    expect(await panda(['--version'])).toMatchObject({ exitCode: 0, out: expect.stringMatching(/^\d+\.\d+\.\d+/) })
  })

  it.each([
    [['strat'], /no command "strat"/],
    [['constructor'], /no command "constructor"/],
    [[], /panda start/],
    [['pubkey', 'extra'], /unexpected argument "extra"/],
    [['pubkey', '--port', '1'], /unexpected argument "--port"/],
    [['pubkey', '--data'], /--data needs a value/],
    [['clock'], /panda clock confirm/],
    [['clock', 'stop'], /panda clock confirm/],
  ])('refuses to be asked the wrong way: %o', async (args, complaint) => {
    expect(await panda(args)).toMatchObject({ exitCode: 2, out: '', err: expect.stringMatching(complaint) })
  })

  it('names everything that is wrong with the configuration, on one line each', async () => {
    const file = join(directory, 'wrong.yaml')
    writeFileSync(file, 'walet: 1\nnetwork: moon\n')
    const { exitCode, out, err } = await panda(['pubkey', '--config', file], { PANDA_PROT: '1' })
    expect([exitCode, out]).toEqual([1, ''])
    expect(err.split('\n')).toHaveLength(4)
    for (const name of ['walet', 'network', 'PANDA_PROT']) expect(err).toContain(name)
  })
})

describe('panda pubkey', () => {
  it('prints the key of the data directory, and never the secret', async () => {
    const data = mkdtempSync(join(directory, 'data-'))
    const { secretKey } = loadOrCreateKey(join(data, 'service.key'))
    const { exitCode, out, err } = await panda(['pubkey', `--data=${data}`])
    const [npub = '', hex] = out.split('\n')
    expect(exitCode).toBe(0)
    expect(nip19.decode(npub)).toEqual({ type: 'npub', data: hex })
    expect(out + err).not.toContain(secretKey.toString('hex'))
  })

  it('makes no key', async () => {
    const { exitCode, err } = await panda(['pubkey'], { PANDA_DATA: join(directory, 'nothing') })
    expect(exitCode).toBe(1)
    expect(err).toContain('no key')
  })
})

describe('the welcome', () => {
  const hex = 'b0635d6a9851d3aed0cd6c495b282167acf761729078d975fc341b22650b07b9'
  const panda = {
    address: { host: '127.0.0.1', port: 4848 },
    urls: { http: 'https://panda.example', websocket: 'wss://panda.example' },
    servicePublicKey: hex,
    verifier: 'libsecp256k1',
    wallet: 'lnd',
    operatorNote: null,
  }
  const publicUrls = { http: 'https://panda.example', websocket: 'wss://panda.example' }
  const defaults = { basePriceSat: 0, pricePerCharSat: 0, price: null, ttlSeconds: 60, open: true }
  const configOf = (domain: string, host = '127.0.0.1', data = './data') => ({
    data,
    domains: [{ ...defaults, name: domain }],
    listen: { host, port: 0 },
    publicUrls,
  })

  it('says where the service is, who it is, and what it works with', () => {
    const text = welcome(panda, configOf('localhost')).join('\n')
    for (const part of ['https://panda.example', 'wss://panda.example', nip19.npubEncode(hex), 'libsecp256k1', 'lnd']) {
      expect(text).toContain(part)
    }
    expect(text).not.toContain('DEVELOPMENT')
    expect(text).not.toContain('NO PUBLIC URLS')
    expect(text).not.toContain('dev pay')
  })

  it('is loud about invented money and passes on what the operator should know', () => {
    const text = welcome({ ...panda, wallet: 'dev', operatorNote: 'no operator yet' }, configOf('localhost')).join('\n')
    expect(text).toContain('DEVELOPMENT WALLET')
    expect(text).toContain('no operator yet')
  })

  it.each([
    ['127.0.0.1', 'localhost', "curl 'http://localhost:4848/.well-known/nostr.json?name=alice'"],
    ['0.0.0.0', 'localhost', "curl 'http://localhost:4848/.well-known/nostr.json?name=alice'"],
    ['::', 'localhost', "curl 'http://localhost:4848/.well-known/nostr.json?name=alice'"],
    ['2001:db8::1', 'localhost', "curl 'http://[2001:db8::1]:4848/.well-known/nostr.json?name=alice'"],
    ['192.0.2.1', 'a.example', "curl -H 'Host: a.example' 'http://192.0.2.1:4848/.well-known/nostr.json?name=alice'"],
  ])('gives a command that works, listening on %s for %s', (host, domain, command) => {
    const address = { host, port: 4848 }
    expect(welcome({ ...panda, address }, configOf(domain)).map(line => line.trim())).toContain(command)
  })

  it("shows the way to a name of one's own, as plain as it can be", () => {
    const lines = welcome({ ...panda, wallet: 'dev-wallet' }, configOf('localhost')).map(line => line.trim())
    const first = lines.indexOf('Try:') + 1
    expect(lines.slice(first, first + 3)).toEqual([
      `npx panda send identifier.register '{"identifier":"alice@localhost","years":1}'`,
      'npx panda dev pay <bolt11 of the answer>',
      "curl 'http://localhost:4848/.well-known/nostr.json?name=alice'",
    ])
  })

  it('names port, domain and directory where they are not the usual ones', () => {
    const address = { host: '127.0.0.1', port: 5000 }
    const config = configOf('a.example', '127.0.0.1', "/srv/bob's data")
    const text = welcome({ ...panda, address, wallet: 'dev-wallet' }, config).join('\n')
    const data = String.raw`--data '/srv/bob'\''s data'`
    expect(text).toContain(`'{"identifier":"alice@a.example","years":1}' --url http://localhost:5000 ${data}`)
    expect(text).toContain(`npx panda dev pay <bolt11 of the answer> ${data}`)
  })

  it('is loud when others can come but are told localhost', () => {
    const config = { ...configOf('localhost', '0.0.0.0'), publicUrls: { http: null, websocket: null } }
    const text = welcome(panda, config).join('\n')
    for (const part of ['!! NO PUBLIC URLS', 'PANDA_PUBLIC_URLS_HTTP', 'PANDA_PUBLIC_URLS_WEBSOCKET'])
      expect(text).toContain(part)
  })

  it.each([
    ['127.0.0.1', null, null, null],
    ['127.5.5.5', null, null, null],
    ['::1', null, null, null],
    ['localhost', null, null, null],
    ['0.0.0.0', 'https://a.example', 'wss://a.example', null],
    ['0.0.0.0', 'https://a.example', null, /set publicUrls\.websocket \(/],
    ['::', null, 'wss://a.example', /set publicUrls\.http \(/],
    ['192.0.2.1', null, null, /set publicUrls\.http .* and publicUrls\.websocket/],
    ['127.example.com', null, null, /NIP-42/],
  ])('listening on %s with the public URLs %s and %s, warns: %s', (host, http, websocket, expected) => {
    const warning = publicUrlsWarning({ listen: { host, port: 1 }, publicUrls: { http, websocket } })
    if (expected === null) expect(warning).toBeNull()
    else expect(warning).toMatch(expected)
  })
})

describe('arguments', () => {
  const line = { env: {}, print: () => {}, complain: () => {} }

  it.each<[string[], string, string[]]>([
    [['--data', 'here'], 'here', []],
    [['--data=here'], 'here', []],
    [['pay', 'lnbc1', '--data', 'here', '--late'], 'here', ['pay', 'lnbc1', '--late']],
    [['pay', '--msat', '5', '--data=here'], 'here', ['pay', '--msat', '5']],
    [['--data', 'here', '--data', 'there'], 'there', []],
    [['pay', '--times', '--data', 'here'], 'here', ['pay', '--times']],
  ])('%o leave a subcommand its own', (args, data, rest) => {
    expect(configure(args, line)).toMatchObject({ config: { data }, rest })
  })

  it('take a port only where there is one to listen on', () => {
    expect(configure(['--port', '5'], line, { takesPort: true })).toMatchObject({
      config: { listen: { port: 5 } },
      rest: [],
    })
    expect(configure(['--port', '5'], line)).toMatchObject({ rest: ['--port', '5'] })
  })
})

describe('the reason of a failure', () => {
  const system = (code: string, message: string) => Object.assign(new Error(message), { code })

  it.each([
    [system('EADDRINUSE', 'listen EADDRINUSE: address already in use 127.0.0.1:4848'), /port is in use.*4848/],
    [system('EACCES', "EACCES: permission denied, mkdir '/x'"), /no permission.*\/x/],
    [system('EROFS', "EROFS: read-only file system, open '/x'"), /read-only.*\/x/],
    [system('ECONNREFUSED', ''), /^nothing answers there; is the service running\?$/],
    [system('ESTRANGE', 'strange'), /^strange$/],
    [new Error('the data directory ./data is in use'), /^the data directory \.\/data is in use$/],
    [new Error('first\nsecond'), /^first$/],
    [new TypeError(''), /^TypeError$/],
    ['a string', /^a string$/],
  ])('%o is one line', (error, expected) => {
    const message = messageOf(error)
    expect(message).toMatch(expected)
    expect(message).not.toContain('\n')
  })
})
