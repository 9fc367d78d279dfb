import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { RootDatabase } from 'lmdb'
import type { Host } from '../../relay/host.ts'
import { defaultLimits, type Limits } from '../../relay/limits.ts'
import type { ManagementOptions } from '../../relay/management/governance.ts'
import type { MembershipSettings } from '../../relay/membership/membership.ts'
import {
  createRelayMetrics,
  createWriterMetrics,
  type RelayMetrics,
  type WriterMetrics,
} from '../../relay/metrics/metrics.ts'
import type { Policy } from '../../relay/policies/policy.ts'
import type { PolicyProgram } from '../../relay/policies/program.ts'
import { createRelay, type Relay } from '../../relay/relay.ts'
import type { RetentionRule } from '../../relay/store/retention.ts'
import { createWriter, type Writer } from '../../relay/store/writer.ts'
import { type Author, anySecp256k1, startTime } from './authors.ts'
import { type Client, connectClient } from './client.ts'
import { openTemporaryRoot } from './open-temporary.ts'

/** A relay that listens on a port of its own, with its own data. */
export type Served = {
  readonly url: string
  readonly port: number
  readonly relay: Relay
  readonly writer: Writer
  readonly metrics: RelayMetrics
  readonly writerMetrics: WriterMetrics
  /** What the relay reported; nothing, unless a test asks for it. */
  readonly errors: unknown[]
  /** Unix seconds, as the relay sees them. */
  time: number
  /** `ip` is the address that it seems to come from. */
  connect(ip?: string): Promise<Client>
  /** Sockets that the server has open, upgraded or not. */
  sockets(): Promise<number>
  close(): Promise<void>
}

/** The name under which clients authenticate to it. */
export const relayUrl = 'wss://relay.example/'

/** Serves a relay; `limits` replaces some of the usual ones. */
export async function serveRelay(
  options: {
    limits?: Partial<Limits>
    host?: Host
    policy?: Policy
    program?: PolicyProgram
    membership?: MembershipSettings
    management?: ManagementOptions
    /** Signs as the relay. */
    self?: Author
    /** Data that outlives the relay. */
    data?: { root: RootDatabase }
    searchedKinds?: readonly number[]
    onIndexing?: (isUnderWay: boolean) => void
    retention?: readonly RetentionRule[]
    isClockTrusted?: () => boolean
  } = {},
): Promise<Served> {
  const { root, close: closeRoot } = options.data ? { ...options.data, close: async () => {} } : openTemporaryRoot()
  const errors: unknown[] = []
  const onError = (error: unknown) => void errors.push(error)
  const metrics = createRelayMetrics()
  const writerMetrics = createWriterMetrics()
  const writer = createWriter({ root, onError, metrics: writerMetrics })
  const relay = createRelay({
    root,
    writer,
    secp: anySecp256k1(),
    ...(options.host === undefined ? {} : { host: options.host }),
    policy: options.policy,
    program: options.program,
    membership: options.membership,
    management: options.management,
    sign: options.self?.sign,
    searchedKinds: options.searchedKinds ?? [],
    onIndexing: options.onIndexing ?? (() => undefined),
    retention: options.retention ?? [],
    isClockTrusted: options.isClockTrusted ?? (() => true),
    // Most tests open many connections from one address.
    limits: { ...defaultLimits, handshakesBurst: 1_000_000, ...options.limits },
    identity: {
      name: 'test',
      description: '',
      publicKey: options.self?.pubkey ?? 'a'.repeat(64),
      contact: null,
      version: '0',
      restrictedWrites: false,
    },
    urls: [relayUrl],
    now: () => served.time,
    clientIp: request => String(request.headers['x-test-ip'] ?? '192.0.2.1'),
    metrics,
    onError,
  })
  const server = createServer()
  server.on('upgrade', relay.handleUpgrade)
  await new Promise<void>(resolve => void server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const url = `ws://127.0.0.1:${port}/`
  const clients: Client[] = []
  const served: Served = {
    url,
    port,
    relay,
    writer,
    metrics,
    writerMetrics,
    errors,
    time: startTime,
    connect: async (ip = '192.0.2.1') => {
      const client = await connectClient(url, { headers: { 'x-test-ip': ip } })
      clients.push(client)
      return client
    },
    sockets: () =>
      new Promise((resolve, reject) =>
        server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
      ),
    close: async () => {
      for (const client of clients) client.socket.terminate()
      await relay.close()
      await writer.close()
      await new Promise(resolve => {
        server.close(resolve)
        server.closeAllConnections()
      })
      await closeRoot()
    },
  }
  return served
}
