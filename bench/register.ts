import { join } from 'node:path'
import { ABORT } from 'lmdb'
import type { NostrEvent } from '../relay/event.ts'
import type { Secp256k1 } from '../relay/signatures/secp256k1.ts'
import type { Rows } from '../relay/store/pending-writes.ts'
import { type EventStore, openEventStore } from '../relay/store/store.ts'
import { customerAccount } from '../src/domain/billing/ledger.ts'
import { createApplier } from '../src/pipeline/apply.ts'
import { commandMethods } from '../src/pipeline/catalog.ts'
import { decode, methodIndex } from '../src/pipeline/decode.ts'
import { createSigner, type Signer } from '../src/protocol/signer.ts'
import { isRejection } from '../src/rejections.ts'
import { loadOrCreateKey } from '../src/service-key.ts'
import { type Environment, openEnvironment } from '../src/store/environment.ts'
import { tables } from '../src/store/tables.ts'
import type { Customer } from './customers.ts'
import type { Put } from './floors.ts'
import { loadedAtOnce, mapSizeBytes } from './load-notes.ts'

/** The command pipeline on a data directory that a server has been on and is not any more. */
export type Workshop = {
  readonly environment: Environment
  readonly signer: Signer
  /** Gives customers so much, as if they had paid it in. */
  fund(customers: readonly Customer[], amountMsat: number): Promise<void>
  /** Applies commands made by `make`, as the server would, in transactions of at most a thousand. */
  apply(count: number, make: (index: number) => NostrEvent): Promise<void>
  /** What commands would write, and publish, without writing it. */
  rehearse(commands: readonly NostrEvent[]): { readonly puts: Put[][]; readonly published: NostrEvent[][] }
  close(): Promise<void>
}

/** Opens the pipeline. */
export function openWorkshop(directory: string, secp: Secp256k1, now: number): Workshop {
  const { secretKey } = loadOrCreateKey(join(directory, 'service.key'))
  const signer = createSigner(secp, secretKey)
  const environment = openEnvironment({ directory, mapSizeBytes })
  const store = openEventStore(environment.root)
  const methods = methodIndex(commandMethods)
  const applier = createApplier({
    environment,
    signer,
    now: () => now,
    report: error => {
      throw error
    },
    published: () => undefined,
  })

  const run = (command: NostrEvent): readonly NostrEvent[] => {
    const decoded = decode(command, methods, signer)
    if (isRejection(decoded)) throw new Error(`refused: ${decoded.message}`)
    const applied = applier.command(decoded)
    for (const event of applied.store) store.put(event)
    const result = applied.store.at(-1)
    if (!result?.tags.some(([name, value]) => name === 'status' && value === 'ok')) throw new Error('a command failed')
    return applied.store
  }

  return {
    environment,
    signer,
    fund: async (customers, amountMsat) => {
      const tx = environment.transactor
      await environment.root.transaction(() => {
        for (const { publicKey } of customers) {
          tx.put(tables.balances, [customerAccount(publicKey)], { msat: amountMsat })
        }
      })
    },
    apply: async (count, make) => {
      for (let first = 0; first < count; first += loadedAtOnce) {
        const length = Math.min(loadedAtOnce, count - first)
        const commands = Array.from({ length }, (_, offset) => make(first + offset))
        await environment.root.transaction(() => commands.forEach(run))
      }
      await environment.root.flushed
    },
    rehearse: commands => {
      const puts: Put[][] = []
      const published: NostrEvent[][] = []
      let current: Put[] = []
      const stop = watchPuts(databasesOf(environment, store), put => current.push(put))
      environment.root.transactionSync(() => {
        for (const command of commands) {
          published.push([...run(command)])
          puts.push(current)
          current = []
        }
        return ABORT
      })
      stop()
      return { puts, published }
    },
    close: () => environment.close(),
  }
}

function databasesOf(environment: Environment, store: EventStore): Rows[] {
  return [...Object.values(tables).map(table => environment.bytes(table)), ...Object.values(store.databases)]
}

/** Tells of every put to these databases until the returned function is called. */
function watchPuts(databases: readonly Rows[], onPut: (put: Put) => void): () => void {
  const undo = databases.map(database => {
    const { putSync } = database
    database.putSync = (key, value) => {
      const bytes = 'bytes' in key ? key.bytes.subarray(key.start, key.end) : key
      onPut({ database, key: Buffer.from(bytes), value: Buffer.from(value) })
      putSync(key, value)
    }
    return () => {
      database.putSync = putSync
    }
  })
  return () => {
    for (const restore of undo) restore()
  }
}
