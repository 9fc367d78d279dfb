import { createHash } from 'node:crypto'
import { z } from 'zod'
import type { EventTemplate } from '../../relay/event.ts'
import { window } from '../protocol/command.ts'
import { fromMinor } from '../protocol/currency.ts'
import { kinds } from '../protocol/kinds.ts'
import type { MethodDeclaration } from '../protocol/method.ts'
import type { Settings } from '../store/settings-row.ts'
import type { RowOf } from '../store/tables.ts'

type Schemas = { readonly params: object; readonly result: object }
type OfferedDomain = Pick<RowOf<'domains'>, 'basePriceMsat' | 'pricePerCharMsat' | 'open' | 'fiat'> & { name: string }
type Described = {
  readonly schemas: Schemas
  /** Identifies the schemas, so that a client sees a change without fetching them. */
  readonly hash: string
}

/** Making all of them takes 50 ms, and the service is announced every few seconds. */
const described = new WeakMap<MethodDeclaration, Described>()

/** The JSON Schemas of a method's params and result, as documented and announced. */
export function methodSchemas(declaration: MethodDeclaration): Schemas {
  return describe(declaration).schemas
}

function describe(declaration: MethodDeclaration): Described {
  const known = described.get(declaration)
  if (known !== undefined) return known
  const options = { io: 'input', unrepresentable: 'any' } as const
  const schemas = {
    params: z.toJSONSchema(declaration.params, options),
    result: z.toJSONSchema(declaration.result, { ...options, io: 'output' }),
  }
  const made = { schemas, hash: createHash('sha256').update(JSON.stringify(schemas)).digest('hex') }
  described.set(declaration, made)
  return made
}

/** The service info event: what can be asked here, where, and for which domains. Facts are not announced. */
export function serviceInfo(options: {
  methods: readonly MethodDeclaration[]
  settings: Settings
  domains: readonly OfferedDomain[]
  urls: { http: string; websocket: string }
}): Omit<EventTemplate, 'created_at'> {
  const { methods, settings, domains, urls } = options
  const callable = methods.filter(method => method.type !== 'fact')
  return {
    kind: kinds.serviceInfo,
    tags: [['relay', urls.websocket], ['http', urls.http], ['encryption', 'nip44_v2'], ...domains.map(domainTag)],
    content: JSON.stringify({
      methods: callable.map(method => ({
        name: method.name,
        type: method.type,
        caller: method.caller,
        privacy: method.privacy,
        schema: describe(method).hash,
      })),
      schemas: `${urls.http}/v1/methods`,
      limits: {
        createdAtAheadSeconds: window.aheadSeconds,
        createdAtBehindSeconds: window.behindSeconds,
        executeBySeconds: window.executeBySeconds,
        name: { minLength: settings.identifiers.minLength, maxLength: settings.identifiers.maxLength },
      },
    }),
  }
}

/** In a currency the prices in millisatoshi are left empty, so that nobody takes them for nothing. */
function domainTag({ name, basePriceMsat, pricePerCharMsat, open, fiat }: OfferedDomain): string[] {
  const status = open ? 'open' : 'closed'
  if (fiat === null) return ['domain', name, String(basePriceMsat), String(pricePerCharMsat), status]
  const { currency, baseMinor, perCharMinor } = fiat
  return ['domain', name, '', '', status, currency, fromMinor(baseMinor, currency), fromMinor(perCharMinor, currency)]
}

/** Who may call methods and how, and what they take and give as JSON Schema: what the service info event's hashes are of. */
export function describeMethods(methods: readonly MethodDeclaration[]): object {
  const callable = methods.filter(method => method.type !== 'fact')
  return Object.fromEntries(
    callable.map(method => {
      const { name, type, caller, privacy } = method
      const { hash, schemas } = describe(method)
      return [name, { type, caller, privacy, hash, ...schemas }]
    }),
  )
}

/** Tells clients which service handles the kinds of commands and queries (NIP-89). */
export function handlerInformation(options: {
  publicKey: string
  name: string
  urls: { http: string; websocket: string }
}): Omit<EventTemplate, 'created_at'> {
  const { publicKey, name, urls } = options
  return {
    kind: 31_990,
    tags: [
      ['d', publicKey.slice(0, 16)],
      ['k', String(kinds.command)],
      ['k', String(kinds.query)],
      ['relay', urls.websocket],
    ],
    content: JSON.stringify({ name, website: urls.http }),
  }
}
