import { beforeEach, describe, expect, it, vi } from 'vitest'
import type { Secp256k1 } from '../../../relay/signatures/secp256k1.ts'
import { computesKnownResults, loadSecp256k1 } from '../../../relay/signatures/secp256k1-load.ts'
import { createWasmSecp256k1 } from '../../../relay/signatures/secp256k1-wasm.ts'

const system = vi.hoisted((): { library: Secp256k1 | null } => ({ library: null }))
vi.mock('../../../relay/signatures/secp256k1-native.ts', () => ({ createNativeSecp256k1: async () => system.library }))

const working: Secp256k1 = { ...createWasmSecp256k1(), implementation: 'libsecp256k1' }

const broken: [string, Partial<Secp256k1>][] = [
  ['accepts no signature', { verify: () => false }],
  ['accepts every signature', { verify: () => true }],
  ['signs otherwise', { sign: () => new Uint8Array(64) }],
  ['derives other keys', { publicKey: () => new Uint8Array(32) }],
  ['shares another coordinate', { sharedX: () => new Uint8Array(32) }],
  ['shares nothing', { sharedX: () => null }],
]

beforeEach(() => {
  system.library = null
})

describe('loading', () => {
  it('takes the native library where there is one', async () => {
    system.library = working
    expect(await loadSecp256k1()).toBe(working)
    expect(await loadSecp256k1('native')).toBe(working)
  })

  it('takes WebAssembly where there is no native library', async () => {
    expect((await loadSecp256k1()).implementation).toBe('tiny-secp256k1')
    expect((await loadSecp256k1('native')).implementation).toBe('tiny-secp256k1')
  })

  it('takes WebAssembly when asked to', async () => {
    system.library = working
    expect((await loadSecp256k1('wasm')).implementation).toBe('tiny-secp256k1')
  })

  it.each(broken)('passes over a native library that %s', async (_name, fault) => {
    system.library = { ...working, ...fault }
    expect((await loadSecp256k1()).implementation).toBe('tiny-secp256k1')
  })
})

describe('the self-test', () => {
  it('passes a working implementation', () => {
    expect(computesKnownResults(working)).toBe(true)
  })

  it.each(broken)('fails one that %s', (_name, fault) => {
    expect(computesKnownResults({ ...working, ...fault })).toBe(false)
  })
})
