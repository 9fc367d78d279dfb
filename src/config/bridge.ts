import { z } from 'zod'
import { isUrlOf } from '../protocol/fields.ts'
import { choice, line, section, whole } from './fields.ts'

const day = 86_400
const websocketUrl = 'a ws:// or wss:// URL'

const otherRelay = section({
  url: line(256, websocketUrl).refine(text => isUrlOf(text, ['wss:', 'ws:']), websocketUrl),
  read: z.boolean('true or false').default(true),
  write: z.boolean('true or false').default(true),
})

/** The section of other relays under `bridge`. */
export const bridgeSection = section({
  relays: z
    .array(otherRelay, 'a list of relays, each with its url')
    .max(50, 'at most 50 relays')
    .superRefine((relays, context) => {
      const seen = new Set<string>()
      for (const [index, { url }] of relays.entries()) {
        // What is no URL has been told so, and is looked at nevertheless.
        const href = URL.canParse(url) ? new URL(url).href : url
        if (seen.has(href)) context.addIssue({ code: 'custom', path: [index, 'url'], message: 'each relay once' })
        seen.add(href)
      }
    })
    .default([]),
  customerRelays: choice(['auto', 'always', 'never']).default('auto'),
  relaysPerCustomer: whole(1, 10).default(3),
  maxCustomerRelays: whole(1, 1_000).default(50),
  privateCustomerRelays: z.boolean('true or false').default(false),
  eventsPerCustomerPerHour: whole(1, 1_000_000).default(120),
  keepSeconds: whole(60, 365 * day).default(3 * day),
  maxQueued: whole(1, 100_000_000).default(1_000_000),
  maxQueuedPerCustomerRelay: whole(1, 1_000_000).default(1_000),
  commandsPerRelayPerMinute: whole(1, 1_000_000).default(6_000),
  answersPerDay: whole(1, 1_000_000).default(5_000),
  answersPerKeyPerDay: whole(1, 1_000_000).default(100),
  bytesPerSecond: whole(1_024, 1_000_000_000).default(1_048_576),
}).prefault({})
