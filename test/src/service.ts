import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { finalizeEvent, getPublicKey, nip44, verifyEvent } from 'nostr-tools'
import type { NostrEvent } from '../../relay/event.ts'
import type { Applied } from '../../relay/host.ts'
import { loadSecp256k1 } from '../../relay/signatures/secp256k1-load.ts'
import { holdEnded, invoiceAccepted } from '../../src/domain/billing/hold-facts.ts'
import { invoiceCreated, invoiceFailed, invoiceSettled } from '../../src/domain/billing/invoice-facts.ts'
import { walletAnswered } from '../../src/domain/billing/invoice-pay.ts'
import { clockAdvance } from '../../src/domain/clock.ts'
import { configApplied } from '../../src/domain/settings.ts'
import { createApplier } from '../../src/pipeline/apply.ts'
import { performCall } from '../../src/pipeline/call.ts'
import { callMethods, commandMethods, queryMethods } from '../../src/pipeline/catalog.ts'
import { currentSettings } from '../../src/pipeline/current-settings.ts'
import { decode, methodIndex } from '../../src/pipeline/decode.ts'
import { createFactAppender } from '../../src/pipeline/facts.ts'
import { answerQuery } from '../../src/pipeline/query.ts'
import { createSigner } from '../../src/protocol/signer.ts'
import { isRejection, type Rejection } from '../../src/rejections.ts'
import { openEnvironment } from '../../src/store/environment.ts'
import { openSecrets } from '../../src/store/secrets.ts'
import type { Settings } from '../../src/store/settings-row.ts'
import { tables } from '../../src/store/tables.ts'

/** A customer, operator or member of staff: a key. */
export type Key = { secretKey: Uint8Array; publicKey: string }

/** A result, notice or answer, decrypted with the key of the one it is for. */
export type Reply = { status: string; type: string; body: Record<string, unknown>; event: NostrEvent }

export const startTime = 1_790_000_000

/** A key made of a small number, so that failures are reproducible. */
export function keyOf(seed: number): Key {
  const secretKey = new Uint8Array(32).fill(1)
  new DataView(secretKey.buffer).setUint32(28, seed)
  return { secretKey, publicKey: getPublicKey(secretKey) }
}

export const operator = keyOf(900)
export const staff = keyOf(901)

/** Settings as a small operator would have them: `example.com` at 1,000 sats and 100 per character. */
export const testSettings: Settings = {
  operators: [operator.publicKey],
  staff: [staff.publicKey],
  suspended: [keyOf(666).publicKey],
  websocketUrl: 'wss://relay.example.com',
  domains: [
    {
      name: 'example.com',
      basePriceMsat: 1_000_000,
      pricePerCharMsat: 100_000,
      ttlSeconds: 3_600,
      open: true,
      fiat: null,
    },
    {
      name: 'closed.example',
      basePriceMsat: 1_000_000,
      pricePerCharMsat: 0,
      ttlSeconds: 3_600,
      open: false,
      fiat: null,
    },
    { name: 'free.example', basePriceMsat: 0, pricePerCharMsat: 0, ttlSeconds: 60, open: true, fiat: null },
  ],
  orders: {
    invoiceExpirySeconds: 900,
    holdSlackSeconds: 300,
    commandDeadlineSeconds: 60,
    unpaidHoldsPerAccount: 3,
    unpaidHoldsTotal: 50,
    lapsedHoldSeconds: 86_400,
    maxInvoiceMsat: 10_000_000_000,
  },
  identifiers: { minLength: 2, maxLength: 32, graceDays: 30, noticeDays: 7, reserved: ['admin', 'root'] },
  payments: { currency: 'bcrt', feePpm: 10_000, minFeeMsat: 10_000 },
  items: [{ id: 'sticker', description: 'a sticker', priceMsat: 5_000, fiat: null }],
  referrals: { rewardPercent: 10, maxRewardMsat: 200_000 },
  coupons: [],
  rates: { maxAgeSeconds: 600 },
}

export type TestService = Awaited<ReturnType<typeof openService>>

/**
 * The pipeline, the tables and a clock that stands still, without relay, network or wallet: commands go straight into
 * a transaction, and what would be published is kept for `sent`.
 */
export async function openService(settings: Settings = testSettings) {
  const directory = mkdtempSync(join(tmpdir(), 'panda-service-'))
  const environment = openEnvironment({ directory, mapSizeBytes: 2 ** 28, scratch: true })
  const secp = await loadSecp256k1()
  const serviceSecret = keyOf(1).secretKey
  const signer = createSigner(secp, serviceSecret)
  const clock = { time: startTime }
  const sent: NostrEvent[] = []
  const errors: unknown[] = []
  const now = () => clock.time
  const applier = createApplier({
    environment,
    signer,
    now,
    report: error => errors.push(error),
    published: () => undefined,
  })
  const commands = methodIndex(commandMethods)
  const queries = methodIndex(queryMethods)
  const calls = methodIndex(callMethods)
  const secrets = openSecrets({ environment, storeKey: Buffer.alloc(32, 3), replaySeconds: 900 })
  let salt = 0

  const run = (apply: () => Applied): Applied => {
    const applied = environment.root.transactionSync(apply)
    sent.push(...applied.store, ...(applied.storeUntilExpired ?? []))
    return applied
  }
  const appendFact = createFactAppender({
    signer,
    applier,
    now,
    applyLocally: (apply, done) => done({ ok: true, value: run(apply) }),
  })

  const open = (event: NostrEvent, key: Key): Reply => {
    if (!verifyEvent(event)) throw new Error('an event of the service has a bad signature')
    const tag = (name: string) => event.tags.find(one => one[0] === name)?.[1] ?? ''
    const conversation = nip44.v2.utils.getConversationKey(key.secretKey, signer.publicKey)
    const content = tag('encryption') === 'nip44_v2' ? nip44.v2.decrypt(event.content, conversation) : event.content
    return { status: tag('status'), type: tag('type'), body: JSON.parse(content) as Record<string, unknown>, event }
  }

  const sign = (key: Key, kind: number, method: string, params: unknown): NostrEvent => {
    const conversation = nip44.v2.utils.getConversationKey(key.secretKey, signer.publicKey)
    const tags = [
      ['p', signer.publicKey],
      ['method', method],
      ['encryption', 'nip44_v2'],
      ['salt', String(salt++)],
    ]
    const content = nip44.v2.encrypt(JSON.stringify(params), conversation)
    const { id, pubkey, created_at, sig } = finalizeEvent(
      { kind, created_at: clock.time, tags, content },
      key.secretKey,
    )
    return { id, pubkey, created_at, kind, tags, content, sig }
  }

  /** Applies a signed command; a refusal at admission comes back as a value. */
  const apply = (event: NostrEvent): Applied | Rejection => {
    const command = decode(event, commands, signer)
    return isRejection(command) ? command : run(() => applier.command(command))
  }

  const resultOf = (commandId: string, key: Key): Reply | undefined => {
    const event = sent.find(one => one.kind === 2411 && one.tags.some(tag => tag[0] === 'e' && tag[1] === commandId))
    return event === undefined ? undefined : open(event, key)
  }

  /** Sends a command, encrypted, and gives its result, which may be pending. */
  const send = (key: Key, method: string, params: unknown): Reply & { id: string } => {
    const event = sign(key, 2410, method, params)
    const applied = apply(event)
    if ('rejected' in applied) throw new Error(`refused at admission: ${applied.code}: ${applied.message}`)
    const result = resultOf(event.id, key) ?? { status: 'pending', type: '', body: {}, event }
    return { ...result, id: event.id }
  }

  const query = (key: Key, method: string, params: unknown): Reply => {
    const decoded = decode(sign(key, 22_410, method, params), queries, signer)
    if (isRejection(decoded)) throw new Error(`refused at admission: ${decoded.code}: ${decoded.message}`)
    const context = { time: clock.time, settings: currentSettings(environment) }
    return open(answerQuery(environment.reader, signer, decoded, context), key)
  }

  /** Carries out a call, signed before or now, and gives its answer. */
  const perform = (key: Key, event: NostrEvent): Reply => {
    const decoded = decode(event, calls, signer)
    if (isRejection(decoded)) throw new Error(`refused at admission: ${decoded.code}: ${decoded.message}`)
    const at = { time: clock.time, settings: currentSettings(environment) }
    const parts = { reader: environment.reader, signer, secrets }
    const [answer] = environment.root.transactionSync(() => performCall(parts, decoded, at)).deliver
    if (answer === undefined) throw new Error('a call was not answered')
    return open(answer, key)
  }
  const call = (key: Key, method: string, params: unknown) => perform(key, sign(key, 22_410, method, params))

  const notices = (key: Key): Reply[] =>
    sent
      .filter(event => event.kind === 2412 && event.tags.some(tag => tag[0] === 'p' && tag[1] === key.publicKey))
      .map(event => open(event, key))

  /** Answers the oldest open invoice job as the wallet would, `held` with a hold invoice; gives the payment hash. */
  const walletAnswers = async (outcome: 'created' | 'held' | 'failed' | 'refused' = 'created'): Promise<string> => {
    const job = environment.reader.range(tables.jobs, []).find(({ row }) => row.type === 'create-invoice')
    if (job === undefined) throw new Error('no invoice was asked for')
    const { invoiceId } = job.row.payload as { invoiceId: string }
    const jobId = job.key[0]
    const paymentHash = invoiceId.repeat(2)
    if (outcome === 'failed' || outcome === 'refused') {
      const reason = outcome === 'refused' ? outcome : 'unavailable'
      await appendFact({ method: invoiceFailed, params: { jobId, invoiceId, reason }, dedupeKey: `test:${invoiceId}` })
    } else {
      const made = { bolt11: `lnbcrt-${invoiceId}`, paymentHash, expiresAt: clock.time + 900, hold: outcome === 'held' }
      const params = { jobId, invoiceId, ...made }
      await appendFact({ method: invoiceCreated, params, dedupeKey: `test:${invoiceId}` })
    }
    return paymentHash
  }

  const settle = (paymentHash: string, receivedMsat: number): Promise<boolean> => {
    const params = { backend: 'test', paymentHash, receivedMsat, settledAt: clock.time, cursor: null }
    return appendFact({ method: invoiceSettled, params, dedupeKey: `test:${paymentHash}:settled` })
  }

  /** A payment arrives at a hold invoice and waits. */
  const accept = (paymentHash: string, receivedMsat: number): Promise<boolean> =>
    appendFact({
      method: invoiceAccepted,
      params: { backend: 'test', paymentHash, receivedMsat },
      dedupeKey: `test:${paymentHash}:accepted`,
    })

  /** Does the oldest job that has a customer's wallet pay; says for which invoice, with which handle. */
  const customerWalletSays = async (outcome: object): Promise<{ invoiceId: string; handle: string }> => {
    const job = environment.reader.range(tables.jobs, []).find(({ row }) => row.type === 'pay-by-wallet')
    if (job === undefined) throw new Error('no wallet is to pay')
    const [jobId] = job.key
    const { invoiceId, handle } = job.row.payload as { invoiceId: string; handle: string }
    const params = { jobId, invoiceId, outcome }
    await appendFact({ method: walletAnswered, params, dedupeKey: `wallet:${jobId}:answered` })
    return { invoiceId, handle }
  }

  /** Does the job that ends a hold as the wallet would, by taking the payment or giving it back; says which it was. */
  const endHold = async (settled: { receivedMsat: number } | null): Promise<string> => {
    const job = environment.reader
      .range(tables.jobs, [])
      .find(({ row }) => row.type === 'settle-hold' || row.type === 'cancel-hold')
    if (job === undefined) throw new Error('no hold is to be ended')
    const [jobId] = job.key
    const { invoiceId } = job.row.payload as { invoiceId: string }
    const outcome = settled === null ? null : { ...settled, settledAt: clock.time }
    const params = { jobId, invoiceId, settled: outcome }
    await appendFact({ method: holdEnded, params, dedupeKey: `hold:${jobId}:ended` })
    return job.row.type
  }

  /** Moves the clock and lets everything happen that is due by then, each at its own time. */
  const advance = async (seconds: number): Promise<void> => {
    const end = clock.time + seconds
    for (;;) {
      const [next] = environment.reader.range(tables.due, [], { limit: 1, upTo: [end] })
      if (next === undefined) break
      clock.time = Math.max(clock.time, next.key[0])
      const dedupeKey = `clock:${clock.time}:${next.key.join(':')}`
      await appendFact({ method: clockAdvance, params: { to: clock.time }, dedupeKey })
    }
    clock.time = end
  }

  await appendFact({ method: configApplied, params: { settings }, dedupeKey: 'config:1' })
  return {
    environment,
    directory,
    secp,
    signer,
    serviceSecret,
    clock,
    sent,
    errors,
    applier,
    appendFact,
    secrets,
    perform,
    call,
    sign,
    apply,
    send,
    query,
    notices,
    resultOf,
    walletAnswers,
    settle,
    accept,
    customerWalletSays,
    endHold,
    advance,
    /** Gives a key a balance the way customers get one: a top-up that is paid. */
    fund: async (key: Key, amountMsat: number) => {
      send(key, 'balance.topup', { amountMsat })
      await settle(await walletAnswers(), amountMsat)
    },
    close: async () => {
      await environment.close()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
