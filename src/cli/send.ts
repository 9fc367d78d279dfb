import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { loadSecp256k1 } from '../../relay/signatures/secp256k1-load.ts'
import type { Config } from '../config.ts'
import { makeDataDirectory } from '../data-directory.ts'
import { declarations } from '../pipeline/catalog.ts'
import { isUrlOf } from '../protocol/fields.ts'
import { createSigner } from '../protocol/signer.ts'
import { loadOrCreateKey } from '../service-key.ts'
import { type CommandLine, configure, exitCodes } from './command-line.ts'
import { type Exchanged, exchange, type Question } from './exchange.ts'
import { messageOf } from './failure.ts'
import { localUrl } from './local-url.ts'
import { field, readServiceKey } from './service-http.ts'

const usage = "panda send METHOD ['PARAMS-JSON' | @FILE] [--key FILE] [--url URL] [--data DIR]"
/** The longest text that NIP-44 encrypts. */
const maxParamsBytes = 65_535

/**
 * `panda send METHOD [PARAMS]`: sends a command or query as a customer would, signed with the key in a file, and prints
 * the answer as JSON. The exit code is 0 for `ok` and `payment-required`.
 */
export async function send(args: readonly string[], line: CommandLine): Promise<number> {
  const configured = configure(args, line)
  if ('exitCode' in configured) return configured.exitCode
  const asked = readArguments(configured.rest)
  if (!asked.ok) {
    line.complain(`panda: ${asked.reason}`)
    return exitCodes.usage
  }
  const { config } = configured
  try {
    const sent = await sendAs(asked.keyFile, asked.url ?? localUrl(config.listen), asked.question, config, line)
    return report(sent, line)
  } catch (error) {
    // A key file that cannot be used.
    line.complain(`panda: ${messageOf(error)}`)
    return exitCodes.failed
  }
}

async function sendAs(
  keyFile: string | undefined,
  url: string,
  question: Question,
  { data }: Pick<Config, 'data'>,
  line: CommandLine,
): Promise<Exchanged> {
  const service = await readServiceKey(url)
  if (!service.ok) return service
  const file = keyFile ?? join(makeDataDirectory(data), 'customer.key')
  const { secretKey, created } = loadOrCreateKey(file)
  if (created) line.complain(`panda: made a customer's secret key in ${file} (mode 600): what is bought belongs to it`)
  const secp = await loadSecp256k1()
  const signer = createSigner(secp, secretKey)
  return exchange({ url, servicePublicKey: service.publicKey, secp, signer }, question)
}

function report(sent: Exchanged, line: CommandLine): number {
  if (!sent.ok) {
    line.complain(`panda: ${oneLine(sent.reason)}`)
    return exitCodes.failed
  }
  const { status, body } = sent
  if (status === 'ok' || status === 'payment-required') {
    line.print(printable(JSON.stringify(body, null, 2)))
    return exitCodes.done
  }
  const details = field(body, 'details')
  const more = details === undefined ? '' : ` ${JSON.stringify(details)}`
  line.complain(oneLine(`panda: ${field(body, 'code')}: ${field(body, 'message')}${more}`))
  return exitCodes.failed
}

type Asked =
  | {
      readonly ok: true
      readonly question: Question
      readonly keyFile: string | undefined
      readonly url: string | null
    }
  | { readonly ok: false; readonly reason: string }

function readArguments(args: string[]): Asked {
  const parsed = parse(args)
  const [method, params = '{}', ...more] = parsed?.positionals ?? []
  if (parsed === null || method === undefined || more.length > 0) return wrong(`the command is ${usage}`)
  const { key: keyFile, url } = parsed.values
  if (keyFile === '') return wrong('--key needs a value')
  if (url !== undefined && !isUrlOf(url, ['http:', 'https:'])) return wrong('--url takes an http:// or https:// URL')
  const type = typeOf(method)
  if (type === null) return wrong(`there is no method ${JSON.stringify(method)}; see panda describe`)
  const text = readParams(params)
  if (!text.ok) return text
  return { ok: true, question: { type, method, params: text.json }, keyFile, url: url?.replace(/\/+$/, '') ?? null }
}

function parse(args: string[]) {
  try {
    const options = { key: { type: 'string' }, url: { type: 'string' } } as const
    return parseArgs({ args, options, allowPositionals: true })
  } catch {
    // parseArgs throws on flags it does not know, which the usage answers.
    return null
  }
}

/** Whether a method is a command, or a query or what travels like one; `null` when it is none that can be called. */
function typeOf(method: string): Question['type'] | null {
  const type = declarations.find(({ name }) => name === method)?.type
  if (type === undefined || type === 'fact') return null
  return type === 'command' ? 'command' : 'query'
}

/** Params as compact JSON. Those in a file are seen neither by `ps` nor in the shell's history. */
function readParams(text: string): { readonly ok: true; readonly json: string } | Extract<Asked, { ok: false }> {
  let json: string
  try {
    json = JSON.stringify(JSON.parse(text.startsWith('@') ? readFileSync(text.slice(1), 'utf8') : text))
  } catch (error) {
    // The parser's message would repeat parts of the params, which may be private.
    return wrong(error instanceof SyntaxError ? 'the params are not JSON' : messageOf(error))
  }
  if (Buffer.byteLength(json) > maxParamsBytes) return wrong(`the params have more than ${maxParamsBytes} bytes`)
  return { ok: true, json }
}

function wrong(reason: string): Extract<Asked, { ok: false }> {
  return { ok: false, reason }
}

/** What steers a terminal or turns text around: control and format characters, line and paragraph separators. */
const steering = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu

/** What a service says must not steer the terminal; such characters as JSON leaves as they are get escaped. */
function printable(json: string): string {
  return json.replace(steering, character => (character === '\n' ? character : escaped(character)))
}

function escaped(character: string): string {
  return [...Array(character.length).keys()]
    .map(index => `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`)
    .join('')
}

function oneLine(text: string): string {
  return text.replace(steering, ' ')
}
