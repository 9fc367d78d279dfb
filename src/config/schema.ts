import { z } from 'zod'
import { parseNetwork } from '../http/network.ts'
import { isUrlOf } from '../protocol/fields.ts'
import { nameFault } from '../protocol/names.ts'
import { bridgeSection } from './bridge.ts'
import { couponList, couponsForNothing, itemList } from './catalog.ts'
import { domainList } from './domains.ts'
import { choice, key, keys, line, section, whole } from './fields.ts'
import { relayLimits } from './limits.ts'
import { relayPolicies, relayProgram } from './policies.ts'
import { ratesSection } from './prices.ts'
import { relayRetention } from './retention.ts'
import { relaySearch } from './search.ts'
import { parseWallet, walletForms } from './wallet.ts'

/** The shape of the configuration with its defaults. Every message is what was expected, as the end of a sentence. */

const mebibyte = 1024 ** 2
const gibibyte = 1024 ** 3
const day = 86_400

/** Nobody registers these: they speak for the domain, or mail to them must reach its operator (RFC 2142). */
const reservedNames = [
  ...['_', 'abuse', 'admin', 'administrator', 'api', 'billing', 'contact', 'dns', 'ftp', 'help', 'hostmaster', 'imap'],
  ...[
    'info',
    'mail',
    'mailer-daemon',
    'marketing',
    'news',
    'nobody',
    'noc',
    'no-reply',
    'noreply',
    'ns1',
    'ns2',
    'owner',
  ],
  ...[
    'panda',
    'pop',
    'postmaster',
    'register',
    'relay',
    'root',
    'sales',
    'security',
    'service',
    'smtp',
    'ssl',
    'staff',
  ],
  ...['status', 'support', 'sysadmin', 'system', 'usenet', 'uucp', 'webmaster', 'www'],
]

const urls = {
  http: publicUrl(['https:', 'http:'], 'an http:// or https:// URL without query, or null'),
  websocket: publicUrl(['wss:', 'ws:'], 'a ws:// or wss:// URL without query, or null'),
}

/** Everything that an operator can set. */
export const configSchema = section({
  listen: section({
    host: line(253, 'an address or host name to listen on').default('127.0.0.1'),
    port: whole(0, 65_535).default(4_848),
  }).prefault({}),
  data: line(4_096, 'the path of a directory').default('./data'),
  publicUrls: section({ http: urls.http.default(null), websocket: urls.websocket.default(null) }).prefault({}),
  network: choice(['regtest', 'signet', 'testnet', 'mainnet']).default('regtest'),
  wallet: z
    .string(walletForms)
    .refine(text => parseWallet(text) !== null, walletForms)
    .default('dev:'),
  domains: domainList,
  operators: keys(10_000).default([]),
  staff: keys(10_000).default([]),
  suspended: keys(10_000).default([]),
  orders: section({
    invoiceExpirySeconds: whole(60, 7 * day).default(900),
    holdSlackSeconds: whole(0, 7 * day).default(300),
    commandDeadlineSeconds: whole(1, 3_600).default(60),
    unpaidHoldsPerAccount: whole(0, 1_000_000).default(3),
    unpaidHoldsPerIp: whole(0, 1_000).default(10),
    unpaidHoldsTotal: whole(0, 10_000_000).default(10_000),
    lapsedHoldSeconds: whole(0, 365 * day).default(day),
    maxInvoiceSat: whole(1, 100_000_000_000).default(10_000_000),
  }).prefault({}),
  payments: section({
    feePpm: whole(0, 1_000_000).default(10_000),
    minFeeSat: whole(0, 1_000_000).default(10),
  }).prefault({}),
  items: itemList.default([]),
  coupons: couponList.default([]),
  rates: ratesSection,
  referrals: section({
    rewardPercent: whole(0, 100).default(0),
    maxRewardSat: whole(0, 100_000_000).default(100_000),
  }).prefault({}),
  rations: section({
    commandsPerKeyPerMinute: whole(1, 1_000_000).default(60),
    commandsPerIpPerMinute: whole(1, 1_000_000).default(600),
    refusalsPerKeyPerDay: whole(1, 1_000_000).default(1_000),
    refusalsPerIpPerDay: whole(1, 1_000_000).default(5_000),
    decryptionsPerConnectionPerMinute: whole(1, 1_000_000).default(120),
    decryptionsPerIpPerMinute: whole(1, 1_000_000).default(600),
    decryptionsPerSecond: whole(1, 1_000_000).default(1_000),
    requestsPerIpPerMinute: whole(1, 1_000_000).default(6_000),
    postsPerIpPerMinute: whole(1, 1_000_000).default(1_200),
    storedBytesPerKeyPerDay: whole(mebibyte, 1_024 * gibibyte).default(10 * mebibyte),
    storedBytesPerIpPerDay: whole(mebibyte, 1_024 * gibibyte).default(200 * mebibyte),
  }).prefault({}),
  http: section({
    maxConnections: whole(1, 1_000_000).default(25_000),
    connectionsPerIp: whole(1, 1_000_000).default(200),
    drainSeconds: whole(1, 3_600).default(30),
    maxUnreadBytes: whole(mebibyte, 64 * gibibyte).default(64 * mebibyte),
  }).prefault({}),
  identifiers: section({
    minLength: whole(1, 64).default(1),
    maxLength: whole(1, 64).default(64),
    graceDays: whole(0, 365).default(30),
    noticeDays: whole(0, 365).default(14),
    reserved: z.array(reservedName(), 'a list of names').max(100_000, 'at most 100000 names').default(reservedNames),
  })
    .refine(({ minLength, maxLength }) => minLength <= maxLength, {
      path: ['minLength'],
      message: 'at most identifiers.maxLength',
    })
    .prefault({}),
  relay: section({
    policy: choice(['commands', 'members', 'open']).default('members'),
    name: line(64, 'a short name').default('Panda'),
    description: line(1_000, 'a sentence').default('Names on Nostr, sold and hosted by a Panda name service.'),
    contact: line(256, 'a way to reach the operator, or null').nullable().default(null),
    adminKey: key().nullable().default(null),
    icon: webLink(),
    banner: webLink(),
    postingPolicy: webLink(),
    privacyPolicy: webLink(),
    termsOfService: webLink(),
    limits: relayLimits,
    policies: relayPolicies,
    program: relayProgram,
    membership: section({
      enabled: z.boolean('true or false').default(false),
      read: choice(['everyone', 'members']).default('everyone'),
      invite: choice(['members', 'operators', 'nobody']).default('members'),
      claimSeconds: whole(60, 365 * day).default(7 * day),
      usesPerClaim: whole(1, 10_000).default(1),
      publishList: z.boolean('true or false').default(true),
    }).prefault({}),
    retention: relayRetention,
    search: relaySearch,
  }).prefault({}),
  bridge: bridgeSection,
  storage: section({
    maxDataBytes: whole(mebibyte, 1_024 * gibibyte).default(16 * gibibyte),
    diskReserveBytes: whole(0, 1_024 * gibibyte).default(gibibyte),
    mapSizeBytes: whole(16 * mebibyte, 16_384 * gibibyte).default(64 * gibibyte),
  })
    .refine(({ maxDataBytes, mapSizeBytes }) => maxDataBytes <= mapSizeBytes, {
      path: ['mapSizeBytes'],
      message: 'at least storage.maxDataBytes',
    })
    .prefault({}),
  trustedProxies: networks().default([]),
  metrics: section({ allow: networks().default(['127.0.0.0/8', '::1']) }).prefault({}),
  log: section({
    level: choice(['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent']).default('info'),
  }).prefault({}),
})
  .refine(({ network, wallet }) => network !== 'mainnet' || wallet !== 'dev:', {
    path: ['wallet'],
    message: 'a real wallet on mainnet: the money of the development wallet is invented',
  })
  .superRefine((config, context) => {
    for (const path of couponsForNothing(config)) {
      context.addIssue({ code: 'custom', path, message: 'item: with the id of something in items' })
    }
  })

function networks() {
  const expected = 'an IP address or CIDR network'
  const network = line(64, expected).refine(text => parseNetwork(text) !== null, expected)
  return z.array(network, 'a list of IP addresses and CIDR networks').max(1_000, 'at most 1000 networks')
}

/** Something on the web that clients may show or follow. */
function webLink() {
  const expected = 'an http:// or https:// URL, or null'
  return line(2_048, expected)
    .refine(text => isUrlOf(text, ['https:', 'http:']), expected)
    .nullable()
    .default(null)
}

/** Other software compares these with what a client signed (NIP-42, NIP-98), so one spelling: no slash at the end. */
function publicUrl(protocols: readonly string[], expected: string) {
  return line(2_048, expected)
    .refine(text => isUrlOf(text, protocols) && !text.includes('?') && !text.includes('#'), expected)
    .transform(text => (text.endsWith('/') ? text.slice(0, -1) : text))
    .nullable()
}

function reservedName() {
  const expected = 'a name in lower case'
  return z.string(expected).refine(name => nameFault(name, { minLength: 1, maxLength: 64 }) === null, expected)
}
