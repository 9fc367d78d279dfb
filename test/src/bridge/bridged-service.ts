import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { finalizeEvent, nip44, verifyEvent } from 'nostr-tools'
import type { NostrEvent } from '../../../relay/event.ts'
import { defaultLimits } from '../../../relay/limits.ts'
import { createRelay } from '../../../relay/relay.ts'
import { loadSecp256k1 } from '../../../relay/signatures/secp256k1-load.ts'
import { createWriter } from '../../../relay/store/writer.ts'
import { startBridge } from '../../../src/bridge/bridge.ts'
import { createOutbound } from '../../../src/bridge/outbound.ts'
import type { Resolve } from '../../../src/bridge/public-lookup.ts'
import type { BridgeConfig, BridgePace } from '../../../src/bridge/settings.ts'
import type { BridgeNews } from '../../../src/bridge/standing.ts'
import { configSchema } from '../../../src/config/schema.ts'
import { createHost } from '../../../src/pipeline/admit.ts'
import { createApplier } from '../../../src/pipeline/apply.ts'
import { createFactAppender } from '../../../src/pipeline/facts.ts'
import { createRations } from '../../../src/pipeline/rations.ts'
import { createUnpaidHolds } from '../../../src/pipeline/unpaid-holds.ts'
import type { WelcomePolicy } from '../../../src/pipeline/welcome.ts'
import { createSigner } from '../../../src/protocol/signer.ts'
import { applySettings } from '../../../src/settings-from-config.ts'
import { openEnvironment } from '../../../src/store/environment.ts'
import { openSecrets } from '../../../src/store/secrets.ts'
import { type Key, keyOf, startTime, testSettings } from '../service.ts'

export type BridgedService = Awaited<ReturnType<typeof openBridgedService>>

/** Nothing here waits for longer than a test does. */
const quickPace: BridgePace = {
  operator: { firstMs: 20, maxMs: 100 },
  customer: { firstMs: 20, maxMs: 100 },
  retry: { firstMs: 20, maxMs: 100 },
  okTimeoutMs: 300,
  idleMs: 200,
  lookMs: 20,
  tidyMs: 50,
  holdMs: 100,
  steadyMs: 50,
}

/** A directory for a service's data, which outlives the service. */
export function makeDirectory(): { directory: string; remove(): void } {
  const directory = mkdtempSync(join(tmpdir(), 'panda-bridge-'))
  return { directory, remove: () => rmSync(directory, { recursive: true, force: true }) }
}

/** Names cost nothing at `free.example`. */
export const freeName = (name: string) => ({ identifier: `${name}@free.example`, years: 1 })

/**
 * A service with its relay and its bridge on loopback, without HTTP and jobs; `clock` stands still. `rations` replaces some
 * of the usual ones.
 */
export async function openBridgedService(options: {
  directory: string
  config: Partial<BridgeConfig>
  clock?: { time: number }
  pace?: Partial<BridgePace>
  rations?: Record<string, number>
  resolve?: Resolve
  /** Whose ordinary events its relay takes. */
  policy?: WelcomePolicy
}) {
  const { directory, clock = { time: startTime } } = options
  const environment = openEnvironment({ directory, mapSizeBytes: 2 ** 28, scratch: true })
  const errors: unknown[] = []
  const onError = (error: unknown) => void errors.push(error)
  const secp = await loadSecp256k1()
  const signer = createSigner(secp, keyOf(1).secretKey)
  const writer = createWriter({ root: environment.root, onError })
  const now = () => clock.time
  const nowMs = () => performance.now()
  const outbound = createOutbound({ environment, service: signer.publicKey, now })
  let wake = () => {}
  const applier = createApplier({
    environment,
    signer,
    now,
    report: onError,
    published: () => wake(),
    publishing: outbound.enqueue,
  })
  const defaults = configSchema.parse({})
  const host = createHost({
    environment,
    signer,
    applier,
    rations: createRations({ ...defaults.rations, ...options.rations }, nowMs),
    unpaidHolds: createUnpaidHolds(environment.reader, 10),
    secrets: openSecrets({ environment, storeKey: Buffer.alloc(32, 1), replaySeconds: 900 }),
    policy: options.policy ?? 'members',
    now,
    room: () => 'events',
  })
  const relay = createRelay({
    root: environment.root,
    writer,
    secp,
    host,
    limits: defaultLimits,
    identity: {
      name: 'test',
      description: '',
      publicKey: signer.publicKey,
      contact: null,
      version: '0',
      restrictedWrites: true,
    },
    urls: ['wss://panda.example/'],
    now,
    clientIp: () => '192.0.2.1',
    onError,
  })
  const appendFact = createFactAppender({ signer, applier, applyLocally: relay.applyLocally, now })
  await applySettings(environment, appendFact, testSettings)
  let lost = 0
  const news: BridgeNews[] = []
  const bridge = await startBridge({
    config: { ...defaults.bridge, ...options.config },
    environment,
    secp,
    signer,
    relay,
    outbound,
    ownUrls: ['wss://panda.example/'],
    maxMessageBytes: defaultLimits.maxMessageBytes,
    now,
    nowMs,
    onLost: count => {
      lost += count
    },
    onNews: one => void news.push(one),
    onError,
    pace: { ...quickPace, ...options.pace },
    ...(options.resolve === undefined ? {} : { resolve: options.resolve }),
  })
  wake = bridge.wake

  const submit = (event: NostrEvent) =>
    new Promise<{ accepted: boolean; message: string }>(resolve => {
      relay.submit(event, { source: 'client', ip: '192.0.2.9', authenticated: new Set() }, resolve)
    })
  return {
    clock,
    environment,
    signer,
    relay,
    bridge,
    outbound,
    errors,
    lost: () => lost,
    news,
    /** Sends to our own relay, as a client of it would. */
    submit,
    /** Whether everything has gone where it belongs. */
    isEmpty: () => outbound.parcels('', 0, 1).length === 0 && outbound.waiting().length === 0,
    stateOf: (url: string) => bridge.state().find(({ relay: one }) => one === url),
    close: async () => {
      bridge.stop()
      await relay.close()
      await writer.close()
      await environment.close()
    },
  }
}

/** Signs something, without nostr-tools' mark that it has been verified. */
export function signed(key: Key, template: { kind: number; created_at: number; tags: string[][]; content?: string }) {
  const { id, pubkey, created_at, kind, tags, content, sig } = finalizeEvent(
    { content: '', ...template },
    key.secretKey,
  )
  return { id, pubkey, created_at, kind, tags, content, sig }
}

let salt = 0

/** A command to the service; in the clear unless `sealed`. */
export function commandOf(
  key: Key,
  method: string,
  params: unknown,
  wish: { at?: number; executeBy?: number; sealed?: boolean; kind?: number; tags?: string[][] } = {},
): NostrEvent {
  const service = keyOf(1).publicKey
  const plain = JSON.stringify(params)
  const content = wish.sealed
    ? nip44.v2.encrypt(plain, nip44.v2.utils.getConversationKey(key.secretKey, service))
    : plain
  const tags = [['p', service], ['method', method], ['salt', String(salt++)], ...(wish.tags ?? [])]
  if (wish.sealed) tags.push(['encryption', 'nip44_v2'])
  if (wish.executeBy !== undefined) tags.push(['execute-by', String(wish.executeBy)])
  return signed(key, { kind: wish.kind ?? 2_410, created_at: wish.at ?? startTime, tags, content })
}

/** What a result says to whom it is for; throws when it is not the service's. */
export function read(event: NostrEvent, key: Key): { status: string; body: Record<string, unknown> } {
  const service = keyOf(1).publicKey
  if (!verifyEvent({ ...event }) || event.pubkey !== service) throw new Error('not signed by the service')
  const conversation = nip44.v2.utils.getConversationKey(key.secretKey, service)
  const status = event.tags.find(tag => tag[0] === 'status')?.[1] ?? ''
  return { status, body: JSON.parse(nip44.v2.decrypt(event.content, conversation)) as Record<string, unknown> }
}
