import type { NostrEvent } from '../../relay/event.ts'
import type { Environment } from '../../src/store/environment.ts'
import type { Settings } from '../../src/store/settings-row.ts'
import { tables } from '../../src/store/tables.ts'
import type { Random } from '../system/random.ts'
import { auditEnd, auditLog } from './audit.ts'
import { watchBusiness } from './business-watch.ts'
import { createClients } from './clients.ts'
import { createCouponWatch } from './coupon-watch.ts'
import { createDeadlines } from './deadlines.ts'
import { createFaults } from './faults.ts'
import { createHoldsWatch } from './holds-watch.ts'
import { createJournal } from './journal.ts'
import { createLedgerWatch } from './ledger-watch.ts'
import { type Machine, startMachine } from './machine.ts'
import { createMarket } from './market.ts'
import { createMoneyWatch } from './money-watch.ts'
import { createReconcileWatch } from './reconcile-watch.ts'
import { chooseRations, firstSettings, operatorNumber } from './settings.ts'
import type { Cryptography } from './stand-in-signer.ts'
import { createTimeline, settled } from './timeline.ts'
import { createCustomerWallets } from './wallet/customer-wallets.ts'
import { createNode } from './wallet/node.ts'
import { createPayees } from './wallet/payees.ts'
import { createWalletWatch } from './wallet-watch.ts'

const startSeconds = 1_790_000_000

/** Everything there is in one seed: the service, its wallet, its clients, time and chance. */
export type World = Awaited<ReturnType<typeof createWorld>>

/** Begins a world on an empty environment. `scratch` is for replays. */
export async function createWorld(options: {
  cryptography: Cryptography
  random: Random
  environment: Environment
  scratch: Environment
}) {
  const { random, scratch } = options
  const { secp, makeSigner } = options.cryptography
  const timeline = createTimeline(startSeconds)
  const faults = createFaults(random)
  const signer = makeSigner(Buffer.alloc(32, 3))
  const violations: string[] = []
  const node = createNode({
    timeline,
    random,
    abilities: {
      hold: random.chance(0.5),
      pay: random.chance(0.9),
      limitsFees: random.chance(0.8),
      knowsItsPayments: random.chance(0.7),
      descriptionHash: true,
      resolutionMsat: random.pick([1, 1_000]),
      maxDescriptionLength: 639,
      cursor: random.chance(0.6),
      late: random.chance(0.5),
    },
  })
  const payees = createPayees({ node, random, faults })
  const wallets = createCustomerWallets({ node, timeline, random, faults })
  const market = createMarket()
  const ledger = createLedgerWatch()
  const asked = createWalletWatch(wallets)
  const rations = chooseRations(random)
  let settings: Settings = firstSettings(makeSigner(keyBytes(operatorNumber)).publicKey, rations)
  const couponUses = createCouponWatch(settings.coupons)
  const holds = createHoldsWatch({ perAddress: rations.perAddress, clients: () => clients })
  const journal = createJournal(options.environment, holds.undone, (changes, isForgotten) => {
    violations.push(...ledger.changed(changes, isForgotten))
    violations.push(...asked.changed(changes, isForgotten), ...couponUses.changed(changes))
    violations.push(...holds.changed(changes, isForgotten))
    violations.push(...money.changed(changes, isForgotten), ...comparisons.changed(changes, isForgotten))
    if (!isForgotten) violations.push(...watchBusiness(changes, { node, market, reader, decided }))
  })

  const { reader } = journal.environment
  const money = createMoneyWatch({ node, reader })
  const decided = new Set<string>()
  const comparisons = createReconcileWatch({ node, reader, nowMs: timeline.nowMs })

  let machine: Machine | null = null
  let life = { alive: false }
  let skewSeconds = 0
  let isDiskFull = false
  let isWalletAway = false
  let unread: { commit: number; events: readonly NostrEvent[] }[] = []

  const clients = createClients({
    makeSigner,
    service: signer,
    timeline,
    random,
    faults,
    deliver: (event, ip, answer) => machine?.receive(event, ip, answer),
    acknowledged: id => deadlines.acknowledged(id),
  })
  const deadlines = createDeadlines({ journal, node, clients, nowMs: timeline.nowMs })

  const flushed = (commit: number) => {
    const durable = unread.filter(one => one.commit <= commit)
    unread = unread.filter(one => one.commit > commit)
    for (const { events } of durable) {
      for (const event of events) {
        const fault = clients.read(event)
        if (fault !== null) violations.push(`one result per command: ${fault}`)
      }
    }
  }

  const replay = () =>
    auditLog(journal.environment, scratch, {
      signer,
      isSigned: ({ id, pubkey, sig }) =>
        secp.verify(Buffer.from(sig, 'hex'), Buffer.from(id, 'hex'), Buffer.from(pubkey, 'hex')),
    })

  /** The process is no more; without power, neither is what was not flushed. */
  const crash = (losesPower = random.chance(0.5)) => {
    if (!life.alive) return
    life.alive = false
    machine = null
    node.listeners.clear()
    crashes++
    if (losesPower) {
      journal.forget()
      unread = []
    }
    journal.flush(journal.commits())
    flushed(journal.commits())
    violations.push(...replay())
    for (const { event, acknowledgedAtMs } of clients.sent.values()) {
      if (acknowledgedAtMs !== null && !isKnown(event.id)) violations.push(`acknowledged and lost: ${event.id}`)
    }
  }
  let crashes = 0

  const isKnown = (id: string) =>
    reader.has(tables.outcomes, [id]) || reader.has(tables.refusals, [id]) || clients.sent.get(id)?.result !== null

  const start = async () => {
    if (life.alive) return
    const begun = { alive: true }
    life = begun
    holds.started()
    const started = await startMachine({
      journal,
      signer,
      timeline,
      random,
      faults,
      node,
      payees,
      wallets,
      market,
      life: begun,
      settings,
      unpaidHoldsPerIp: rations.perAddress,
      isDiskFull: () => isDiskFull,
      skewSeconds: () => skewSeconds,
      crash,
      stored: (commit, events) => unread.push({ commit, events }),
      flushed,
      failed: (error, commandId) => violations.push(`a bug at ${commandId}: ${String(error)}`),
    })
    if (begun.alive) machine = started
  }

  const isUp = () =>
    machine !== null &&
    machine.clock.unconfirmedJumpSeconds() === null &&
    !isWalletAway &&
    !isDiskFull &&
    skewSeconds === 0 &&
    // Set forward and back again, log time stands until the clock has caught up, and with it what waits for a time.
    machine.clock.now() <= timeline.now()

  let faultsSeen = 0
  /** Lets time pass, in which the machine looks at what is due so many times. */
  const pass = async (ms: number, looks: number) => {
    await timeline.pass(ms, looks)
    await settled()
    deadlines.passed(ms, looks, { isUp: isUp(), isClear: faults.count() === faultsSeen })
    faultsSeen = faults.count()
    violations.push(...deadlines.check(), ...money.check())
  }

  return {
    random,
    timeline,
    faults,
    node,
    market,
    clients,
    reader,
    /** The withdrawals of which an operator has said what became of them. */
    decided,
    violations,
    operator: clients.person(operatorNumber),
    squatterOrders: rations.squatterOrders,
    crash,
    start,
    isRunning: () => machine !== null,
    crashes: () => crashes,
    hint: (paymentHash: string) => machine?.hint(paymentHash),
    settings: () => settings,
    configure: (changed: Settings) => {
      settings = changed
      machine?.configure(changed)
    },
    setSkew: (seconds: number) => {
      skewSeconds = seconds
    },
    confirmClock: () => machine?.clock.confirm(),
    setDiskFull: (isFull: boolean) => {
      isDiskFull = isFull
      faults.setDiskFull(isFull)
    },
    setWalletAway: (isAway: boolean) => {
      isWalletAway = isAway
      faults.setWalletAway(isAway)
    },
    /** The operator, or a thief, moves money of the wallet by hand. */
    moveBehindOurBack: (msat: number) => {
      node.moveBehindOurBack(msat)
      comparisons.moved()
    },
    pass,
    /** Everything is put right and given its time; what is not done then never will be, unless an operator decides it. */
    finish: async (decideAll: () => void) => {
      faults.calm()
      skewSeconds = 0
      isDiskFull = false
      isWalletAway = false
      await start()
      machine?.clock.confirm()
      await pass(60_000, 30)
      for (let parts = 0; parts < 30; parts++) await pass(360_000, 3)
      decideAll()
      const isWaiting = () => reader.range(tables.jobs, [], { limit: 1 }).length > 0
      for (let hours = 0; hours < 6 && isWaiting(); hours++) await pass(3_600_000, 20)
      violations.push(...holds.end())
      violations.push(...auditEnd(journal.environment, node))
      // Comparisons of the wallet with the ledger until there was one with nothing under way: somebody may pay during the first.
      for (let days = 0; days < 3; days++) await pass(90_000_000, 4)
      violations.push(...comparisons.end())
      for (const [id, { acknowledgedAtMs, result }] of clients.sent) {
        if (acknowledgedAtMs !== null && result === null) violations.push(`one result per command: ${id} has none`)
      }
      violations.push(...replay())
    },
  }
}

function keyBytes(number: number): Buffer {
  const secretKey = Buffer.alloc(32, 1)
  secretKey.writeUInt32BE(number, 28)
  return secretKey
}
