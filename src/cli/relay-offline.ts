import { join, resolve } from 'node:path'
import type { Host, IsProtected } from '../../relay/host.ts'
import { openHost } from '../../relay/open-host.ts'
import { policyFrom } from '../../relay/policies/from-settings.ts'
import { createRelay, type Relay } from '../../relay/relay.ts'
import { loadSecp256k1 } from '../../relay/signatures/secp256k1-load.ts'
import { createWriter, type Writer } from '../../relay/store/writer.ts'
import type { Config } from '../config.ts'
import { makeDataDirectory } from '../data-directory.ts'
import { ownUrls, publicUrls } from '../http/listen.ts'
import { admitImported } from '../pipeline/admit-imported.ts'
import { isProtectedBy } from '../pipeline/protected.ts'
import { restrictedKinds } from '../protocol/kinds.ts'
import { createSigner } from '../protocol/signer.ts'
import { loadOrCreateKey } from '../service-key.ts'
import { watchDisk } from '../store/disk.ts'
import { openEnvironment } from '../store/environment.ts'
import { lockDirectory } from '../store/lock.ts'
import { migrate } from '../store/migrations.ts'
import { tables } from '../store/tables.ts'
import { openWriteGate } from '../store/write-gate.ts'
import { expectData } from './relay-read.ts'

/** What the tools that write work on. */
export type WritableRelay = {
  readonly relay: Pick<Relay, 'submit' | 'stats' | 'store'>
  readonly writer: Writer
  readonly isProtected: IsProtected
}

/**
 * Opens the relay of a data directory for writing, without service and listener. `null` when another process has the
 * directory: then the work is that one's. Throws where there is no data: a mistyped path would become another service.
 */
export async function openOffline(
  config: Config,
  onError: (error: unknown) => void,
): Promise<(WritableRelay & { close(): Promise<void> }) | null> {
  expectData(config.data)
  const directory = makeDataDirectory(resolve(config.data))
  const lock = lockDirectory(directory)
  if (lock === null) return null
  const closing: (() => unknown)[] = [() => lock.release()]
  const close = async () => {
    for (const step of closing.splice(0).reverse()) await step()
  }
  try {
    const secp = await loadSecp256k1()
    const { publicKey } = createSigner(secp, loadOrCreateKey(join(directory, 'service.key')).secretKey)
    const gate = openWriteGate(directory)
    closing.push(() => gate.close())
    await gate.entered()
    const environment = openEnvironment({ directory, mapSizeBytes: config.storage.mapSizeBytes })
    closing.push(() => environment.close())
    closing.push(() => gate.entered())
    migrate(environment)
    const disk = watchDisk({ environment, directory, limits: config.storage, onChange: () => undefined, onError })
    closing.push(() => disk.stop())
    await disk.look()
    const writer = createWriter({ root: environment.root, gate, onError })
    closing.push(() => writer.close())
    const isProtected = isProtectedBy(publicKey)
    const { port } = config.listen
    const hasAccount = (pubkey: string) => environment.reader.has(tables.accounts, [pubkey])
    const host: Host = {
      ...openHost,
      restrictedKinds,
      isProtected,
      isMember: hasAccount,
      isKnown: hasAccount,
      admit: event => admitImported(event, publicKey, disk.room()),
    }
    const relay = createRelay({
      root: environment.root,
      writer,
      secp,
      host,
      // For what is synchronised: an import is not subject to them.
      policy: policyFrom(config.relay.policies, host),
      limits: config.relay.limits,
      identity: { name: '', description: '', contact: null, publicKey, version: '', restrictedWrites: true },
      // Requests to vanish (NIP-62) name them.
      urls: ownUrls(config, publicUrls(config, port).websocket, port),
      searchedKinds: config.relay.search.kinds,
      // Only the service knows whether it may be: it removes what has expired when it is there again.
      isClockTrusted: () => false,
      now: () => Math.floor(Date.now() / 1_000),
      clientIp: () => '',
      onError,
    })
    closing.push(() => relay.close())
    gate.leave()
    return { relay, writer, isProtected, close }
  } catch (error) {
    await close()
    throw error
  }
}
