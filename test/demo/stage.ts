import { fileURLToPath } from 'node:url'
import { command, type Key, newKey, open, query, type Reply, readKey } from '../end-to-end/envelope.ts'
import { type PandaProcess, runPanda, startPanda } from '../end-to-end/panda-process.ts'
import { type Customer, connectCustomer } from './customer.ts'

/** What the steps play on: a service that runs, its operator, and Alice, who has a key and nothing else. */
export type Stage = {
  readonly directory: string
  readonly operator: Key
  panda: PandaProcess
  alice: Customer
}

const config = fileURLToPath(new URL('../../config/panda.demo.yaml', import.meta.url))

/** Starts the service on an empty directory and connects Alice. */
export async function setStage(directory: string): Promise<Stage> {
  const panda = await startPanda({ args: ['--config', config, '--data', directory, '--port', '0'] })
  if (panda.operatorKeyFile === null) throw new Error('the service printed no key file of an operator')
  const operator = readKey(panda.operatorKeyFile)
  const alice = await connectCustomer(newKey(), panda.websocketUrl, panda.servicePublicKey)
  return { directory, operator, panda, alice }
}

/** Stops the service, starts it again on the same data and port, and connects Alice anew; gives its exit code. */
export async function restart(stage: Stage): Promise<number | null> {
  const { directory, panda, alice } = stage
  alice.close()
  const exitCode = await panda.stop()
  stage.panda = await startPanda({
    args: ['--config', config, '--data', directory, '--port', new URL(panda.httpUrl).port],
  })
  stage.alice = await connectCustomer(alice.key, stage.panda.websocketUrl, stage.panda.servicePublicKey)
  return exitCode
}

/** Sends a command or query over HTTP, and gives the answer. Throws when it is refused. */
export async function post(
  { panda }: Stage,
  kind: 2410 | 22_410,
  key: Key,
  method: string,
  params: object,
): Promise<Reply> {
  const { servicePublicKey: service, httpUrl } = panda
  const event = kind === 2410 ? command(service, key, method, params) : query(service, key, method, params)
  const response = await fetch(`${httpUrl}/v1/${kind === 2410 ? 'commands' : 'queries'}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(event),
  })
  const body = await response.text()
  if (response.status !== 200) throw new Error(`${method} over HTTP was answered with ${response.status}: ${body}`)
  return open(JSON.parse(body), service, key)
}

/** What anyone finds out about a name (NIP-05). */
export async function lookUp({ panda }: Stage, name: string): Promise<{ key: string; relays: string[] }> {
  const response = await fetch(`${panda.httpUrl}/.well-known/nostr.json?name=${name}`)
  const { names, relays } = (await response.json()) as {
    names: Record<string, string>
    relays?: Record<string, string[]>
  }
  const key = names[name] ?? 'nobody'
  return { key, relays: relays?.[key] ?? [] }
}

/** Runs another `panda` command on the service's data. */
export function run({ directory }: Stage, ...args: string[]): ReturnType<typeof runPanda> {
  return runPanda({ args: [...args, '--data', directory] })
}
