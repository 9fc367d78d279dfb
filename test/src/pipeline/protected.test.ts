import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, it } from 'vitest'
import { sweepByAge } from '../../../relay/store/retention.ts'
import { openEventStore } from '../../../relay/store/store.ts'
import { createWriter } from '../../../relay/store/writer.ts'
import { verifyCommand } from '../../../src/cli/verify.ts'
import { isProtectedBy } from '../../../src/pipeline/protected.ts'
import { author } from '../../relay/authors.ts'
import { find } from '../../relay/find.ts'
import { keyOf, openService, startTime, type TestService } from '../service.ts'

let service: TestService | undefined
afterEach(async () => {
  await service?.close()
  service = undefined
})

it('retention takes nothing of the service’s own, no command, and nothing of the log', async () => {
  service = await openService()
  const { environment, directory, serviceSecret, signer, sent, errors } = service
  const customer = keyOf(7)
  const { id } = service.send(customer, 'identifier.register', { identifier: 'alice@free.example', years: 1 })
  const filling = openEventStore(environment.root)
  const writer = createWriter({ root: environment.root, onError: error => errors.push(error) })
  const notes = [1, 2, 3].map(created_at => author(1).sign({ created_at }))
  // A command to another service is an ordinary event here.
  notes.push(author(1).sign({ kind: 2_410, created_at: 4, tags: [['p', author(2).pubkey]] }))
  environment.root.transactionSync(() => {
    for (const event of sent) filling.put(event, true)
    for (const event of notes) filling.put(event)
  })
  const store = openEventStore(environment.root)
  const own = find(store, { authors: [signer.publicKey] }).length
  expect(own).toBeGreaterThan(0)

  const now = () => startTime + 10 ** 6
  const remover = { store, writer, isProtected: isProtectedBy(signer.publicKey), now }
  expect(await sweepByAge([{ maxAgeSeconds: 60 }], remover)).toBe(4)
  await writer.close()

  expect(find(store, { authors: [signer.publicKey] })).toHaveLength(own)
  expect(find(store, { kinds: [2_410] }).map(event => event.id)).toEqual([id])
  writeFileSync(join(directory, 'service.key'), Buffer.from(serviceSecret).toString('hex'), { mode: 0o600 })
  const lines: string[] = []
  expect(await verifyCommand([], { dataDirectory: directory, print: line => lines.push(line) })).toBe(0)
  expect(lines).toEqual([expect.stringMatching(/^verified: \d+ log entries/)])
  expect(errors).toEqual([])
})

it('what is protected are the service’s own events and the commands to it, and no others', () => {
  const [own, other, customer] = [keyOf(1).publicKey, keyOf(3).publicKey, keyOf(2).publicKey]
  const isProtected = isProtectedBy(own)
  const isFor = (recipient: string) => (pubkey: string) => pubkey === recipient
  expect(isProtected({ kind: 2410, pubkey: customer, isFor: isFor(own) })).toBe(true)
  expect(isProtected({ kind: 2410, pubkey: customer, isFor: isFor(other) })).toBe(false)
  expect(isProtected({ kind: 1, pubkey: own, isFor: () => false })).toBe(true)
  expect(isProtected({ kind: 1, pubkey: customer, isFor: isFor(own) })).toBe(false)
})
