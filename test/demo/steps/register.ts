import { deepEqual, equal } from 'node:assert/strict'
import { createECDH } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { decode } from 'light-bolt11-decoder'
import { verifyEvent } from 'nostr-tools'
import type { NostrEvent } from '../../../relay/event.ts'
import { mirrorName, tagsOf } from '../mirror.ts'
import { payeeOf } from '../payee.ts'
import { lookUp, run, type Stage } from '../stage.ts'
import type { Step } from '../timeline.ts'

const identifier = 'alice@localhost'
/** 1,000 sats and 100 for each of five letters, as the default configuration has it; a fifth less with the coupon. */
const quotedMsat = 1_500_000
const coupon = 'WELCOME20'
const priceMsat = 1_200_000
const invoiceExpirySeconds = 900

/** Alice finds the service, registers a name and pays for it. */
export function registerSteps(stage: Stage): Step[] {
  let bolt11 = ''
  let commandId = ''
  let orderId = ''
  return [
    {
      name: 'NDK reads what the service offers (kind 12410)',
      run: async () => {
        const info = await stage.alice.fetchOne({ kinds: [12_410 as number] })
        equal(info.pubkey, stage.panda.servicePublicKey, 'the service info event is signed by the key that was printed')
        const { methods } = JSON.parse(info.content) as { methods: { name: string }[] }
        equal(
          methods.some(method => method.name === 'identifier.register'),
          true,
          'names can be registered',
        )
        return `${methods.length} methods, domain ${tagsOf(info, 'domain')[0]?.[0]}, at ${tagsOf(info, 'relay')[0]?.[0]}`
      },
    },
    {
      name: `identifier.quote: what is ${identifier}?`,
      run: async () => {
        const { body } = await stage.alice.ask(22_410, 'identifier.quote', { identifier })
        deepEqual([body.status, body.totalMsat], ['available', quotedMsat])
        return `available for ${quotedMsat / 1_000} sats a year`
      },
    },
    {
      name: `identifier.register with the coupon ${coupon}, published by NDK, encrypted (NIP-44)`,
      run: async () => {
        const { status, body, event } = await stage.alice.ask(2410, 'identifier.register', { identifier, coupon })
        equal(status, 'payment-required')
        bolt11 = (body.invoice as { bolt11: string }).bolt11
        commandId = tagsOf(event, 'e')[0]?.[0] ?? ''
        return `payment-required: ${bolt11.slice(0, 32)}…`
      },
    },
    {
      name: 'another library decodes the invoice (BOLT 11)',
      run: async () => {
        const { sections } = decode(bolt11)
        const values = Object.fromEntries(sections.map(section => [section.name, 'value' in section && section.value]))
        equal(values.amount, String(priceMsat), 'the amount is the price that was quoted, less the coupon')
        equal(values.expiry, invoiceExpirySeconds)
        const payee = payeeOf(bolt11, String(values.signature))
        equal(payee, nodeIdOf(stage.directory), 'the invoice is signed by the node of the wallet')
        return `${values.amount} msat within ${values.expiry} s to node ${payee.slice(0, 16)}…`
      },
    },
    {
      name: 'panda dev pay',
      run: async () => {
        const { exitCode, out, err } = await run(stage, 'dev', 'pay', bolt11)
        equal(exitCode, 0, `panda dev pay failed: ${out}${err}`)
        return out.trim()
      },
    },
    {
      name: 'the notice order.fulfilled arrives',
      run: async () => {
        const { body, event } = await stage.alice.notice('order.fulfilled')
        equal(tagsOf(event, 'e')[0]?.[0], commandId, 'the notice names the command')
        equal(body.receivedMsat, priceMsat)
        const order = body.order as { id: string; status: string }
        orderId = order.id
        return `${body.receivedMsat} msat received, order ${order.status}`
      },
    },
    {
      name: 'order.receipt: an event of the service that Alice can show to anybody',
      run: async () => {
        const { body } = await stage.alice.ask(22_410, 'order.receipt', { orderId })
        const receipt = body.receipt as NostrEvent
        equal(verifyEvent(receipt), true, 'the signature is right')
        equal(receipt.pubkey, stage.panda.servicePublicKey)
        const { customer, totalMsat } = JSON.parse(receipt.content) as { customer: string; totalMsat: number }
        deepEqual([customer, totalMsat], [stage.alice.key.publicKey, priceMsat])
        return `signed by ${receipt.pubkey.slice(0, 16)}…: ${totalMsat} msat paid`
      },
    },
    {
      name: 'item.list: what does something cost that is priced in euros?',
      run: async () => {
        const { body } = await stage.alice.ask(22_410, 'item.list', {})
        const mug = (body.items as { id: string; priceMsat: number; fiat: object }[]).find(({ id }) => id === 'mug')
        deepEqual(mug?.fiat, { currency: 'EUR', amountMinor: 1_250 })
        equal(mug?.priceMsat, 25_000_000, 'at the rate of the configuration')
        return `12.50 EUR are ${mug.priceMsat / 1_000} sats now`
      },
    },
    {
      name: 'fetch /.well-known/nostr.json?name=alice',
      run: async () => {
        const found = await lookUp(stage, 'alice')
        deepEqual(found, { key: stage.alice.key.publicKey, relays: [stage.panda.websocketUrl] })
        return `${found.key.slice(0, 16)}… on ${found.relays}`
      },
    },
    {
      name: 'a mirror verifies the name event (kind 32410, nostr-tools)',
      run: async () => {
        const event = await mirrorName(stage, identifier)
        deepEqual(tagsOf(event, 'p'), [[stage.alice.key.publicKey, stage.panda.websocketUrl]])
        deepEqual(tagsOf(event, 'status'), [['active']])
        return `active until ${new Date(Number(tagsOf(event, 'expires')[0]?.[0]) * 1_000).toISOString()}`
      },
    },
  ]
}

/** The node's key is a file of the development wallet; its public key is what invoices are signed with. */
function nodeIdOf(directory: string): string {
  const node = createECDH('secp256k1')
  node.setPrivateKey(readFileSync(join(directory, 'dev-wallet', 'node-key'), 'utf8').trim(), 'hex')
  return node.getPublicKey('hex', 'compressed')
}
