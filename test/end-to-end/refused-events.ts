import { randomBytes } from 'node:crypto'
import type { NostrEvent } from '../../relay/event.ts'
import { command, nowSeconds, query, sign } from './envelope.ts'
import { otherService, quote, type Refused, registration, settled } from './refused.ts'
import type { World } from './world.ts'

/** A right registration of a stranger, changed after it was signed. */
function altered(change: (event: NostrEvent) => object) {
  return (world: World) => {
    const event = registration({})(world)
    return { ...event, ...change(event) } as NostrEvent
  }
}

function ordinary(kind: number, template: { tags?: string[][]; content?: string; ageSeconds?: number } = {}) {
  const { tags = [], content = randomBytes(8).toString('hex'), ageSeconds = 0 } = template
  return ({ stranger }: World) => sign(stranger, { kind, tags, content, created_at: nowSeconds() - ageSeconds })
}

const wrongId = 'invalid: the id is not the hash of this event'
const wrongSignature = 'invalid: the signature is not of this author'
const ours = 'blocked: events of the service come from the service itself'

export const events: readonly Refused[] = [
  { name: 'kind is text', event: altered(() => ({ kind: '2410' })), message: /^invalid: kind: / },
  { name: 'created_at is a fraction', event: altered(() => ({ created_at: 1.5 })), message: /^invalid: created_at: / },
  {
    name: 'pubkey is in upper case',
    event: altered(e => ({ pubkey: e.pubkey.toUpperCase() })),
    message: /^invalid: pubkey: /,
  },
  { name: 'sig is cut short', event: altered(e => ({ sig: e.sig.slice(2) })), message: /^invalid: sig: / },
  { name: 'content is no text', event: altered(() => ({ content: {} })), message: /^invalid: content: / },
  { name: 'tags are no lists', event: altered(() => ({ tags: ['p'] })), message: /^invalid: tags: / },
  { name: 'a tag holds a number', event: altered(() => ({ tags: [['p', 1]] })), message: /^invalid: tags: / },
  {
    name: 'too many tags',
    event: altered(() => ({ tags: Array(2_001).fill(['t']) })),
    message: 'invalid: tags: a list of at most 2000',
  },
  {
    name: 'a tag value is too long',
    event: registration({ tags: [['t', 'x'.repeat(1_025)]] }),
    message: 'invalid: tags: values of at most 1024 characters',
  },
  {
    name: 'oversize content',
    event: registration({ content: 'x'.repeat(65_537) }),
    message: 'invalid: an event has at most 65536 bytes',
  },
  {
    name: 'half of a surrogate pair',
    event: altered(() => ({ content: '\ud800' })),
    message: /^invalid: .*surrogates/,
  },
  { name: 'id of another event', event: altered(() => ({ id: randomBytes(32).toString('hex') })), message: wrongId },
  { name: 'content changed after signing', event: altered(e => ({ content: `${e.content} ` })), message: wrongId },
  { name: 'author changed after signing', event: altered(() => ({ pubkey: otherService })), message: wrongId },
  { name: 'signature of zeros', event: altered(() => ({ sig: '0'.repeat(128) })), message: wrongSignature },
  {
    name: 'signature of another event',
    event: world => ({ ...registration({})(world), sig: registration({})(world).sig }),
    message: wrongSignature,
  },
]

export const ordinaryEvents: readonly Refused[] = [
  {
    name: 'a note of a stranger',
    event: ordinary(1),
    message: /^restricted: this kind is taken from owners of a name here/,
    overHttp: false,
  },
  {
    name: 'an unknown kind of a stranger',
    event: ordinary(31_234, { tags: [['d', 'x']] }),
    message: /^restricted: this kind/,
    overHttp: false,
  },
  {
    name: 'a message for nobody here',
    event: ordinary(1059, { tags: [['p', otherService]] }),
    message: /^restricted: this kind/,
    overHttp: false,
  },
  {
    name: 'a profile from the future',
    event: ordinary(0, { ageSeconds: -3_600 }),
    message: 'invalid: created_at is too far in the future',
    overHttp: false,
  },
  {
    name: 'a profile of ten years ago',
    event: ordinary(0, { ageSeconds: 315_360_000 }),
    message: 'invalid: created_at is too long ago',
    overHttp: false,
  },
  {
    name: 'a profile that has expired',
    event: ordinary(0, { tags: [['expiration', '1']] }),
    message: 'invalid: this event has expired',
    overHttp: false,
  },
  {
    name: 'a protected event, not signed in',
    event: ordinary(10_002, { tags: [['-']] }),
    message: 'auth-required: a protected event comes from its author',
    overHttp: false,
  },
  {
    name: 'authentication as an event',
    event: ordinary(22_242),
    message: 'invalid: authentication goes in AUTH, not in EVENT',
    overHttp: false,
  },
]

/** What somebody could do who has got hold of the service's key, but not of its process. */
export const ofTheService: readonly Refused[] = [
  {
    name: 'a fact',
    event: ({ service, serviceKey }) =>
      command(service, serviceKey, 'invoice.settled', settled, { encryption: null, tags: [['dedupe', 'x']] }),
    message: ours,
  },
  {
    name: 'a query',
    event: ({ service, serviceKey }) => query(service, serviceKey, 'identifier.quote', quote),
    message: ours,
  },
  ...[
    [2411, 'a result'],
    [2412, 'a notice'],
    [32_410, 'a name event'],
    [12_410, 'a service info event'],
    [0, 'a profile'],
    [5, 'a deletion request'],
    [62, 'a vanish request'],
  ].map(([kind, name]) => ({
    name: String(name),
    event: ({ serviceKey }: World) => sign(serviceKey, { kind: Number(kind), tags: [['d', 'alice@free.test']] }),
    message: ours,
    overHttp: false as const,
  })),
]
