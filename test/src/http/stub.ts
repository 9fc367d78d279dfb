import type { HttpDeps } from '../../../src/http/app.ts'
import type { ServerDeps } from '../../../src/http/server.ts'

export const alice = 'b0635d6a9851d3aed0cd6c495b282167acf761729078d975fc341b22650b07b9'

type StubDeps = HttpDeps & Omit<ServerDeps, 'onUpgrade'>

/** A service that knows `_` and `alice` at example.com and refuses everything else; tests replace what they look at. */
export function stubDeps(overrides: Partial<StubDeps> = {}): StubDeps {
  return {
    resolveNip05: (host, name) => {
      if (host !== 'example.com' && host !== '[::1]') return { known: false, found: null, ttlSeconds: 0 }
      const asked = name ?? '_'
      if (asked !== 'alice' && asked !== '_') return { known: true, found: null, ttlSeconds: 3_600 }
      return {
        known: true,
        found: { name: asked, publicKey: alice, relays: ['wss://relay.example'] },
        ttlSeconds: 3_600,
      }
    },
    gateway: {
      command: async () => ({ status: 'refused', message: 'error: INTERNAL: not in this test' }),
      query: async () => ({ status: 'refused', message: 'error: INTERNAL: not in this test' }),
    },
    relayDocument: () => ({ name: 'stub' }),
    landing: () => ({
      document: { name: 'stub' },
      urls: { http: 'https://panda.example', websocket: 'wss://panda.example' },
      domains: [],
    }),
    mayReadMetrics: () => false,
    metricsText: async () => '',
    onReply: () => undefined,
    methods: () => ({ 'identifier.get': { params: {}, result: {} } }),
    readiness: async () => [],
    clientIp: () => '192.0.2.1',
    manage: async () => ({ status: 401, body: { error: 'auth-required: not in this test' } }),
    mayPost: () => true,
    webhook: null,
    mayAsk: () => true,
    ended: () => undefined,
    nowMs: () => performance.now(),
    onError: error => {
      throw error
    },
    ...overrides,
  }
}
