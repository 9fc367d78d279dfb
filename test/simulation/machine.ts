import type { NostrEvent, VerifiedEvent } from '../../relay/event.ts'
import { createInFlight } from '../../relay/in-flight.ts'
import type { Done } from '../../relay/submitted.ts'
import { withCircuitBreaker } from '../../src/adapters/lightning/circuit-breaker.ts'
import { lastSeen } from '../../src/jobs/housekeeping.ts'
import { preimagesOf } from '../../src/jobs/preimages.ts'
import { secretsForJobs } from '../../src/jobs/secrets.ts'
import { createServiceMetrics } from '../../src/metrics/service-metrics.ts'
import { createHost } from '../../src/pipeline/admit.ts'
import { createApplier } from '../../src/pipeline/apply.ts'
import { createFactAppender } from '../../src/pipeline/facts.ts'
import { createLogClock, type LogClock } from '../../src/pipeline/log-clock.ts'
import { createRations } from '../../src/pipeline/rations.ts'
import { createUnpaidHolds } from '../../src/pipeline/unpaid-holds.ts'
import type { Signer } from '../../src/protocol/signer.ts'
import { applySettings } from '../../src/settings-from-config.ts'
import { startJobs } from '../../src/start-jobs.ts'
import { openSecrets } from '../../src/store/secrets.ts'
import type { Settings } from '../../src/store/settings-row.ts'
import type { Random } from '../system/random.ts'
import type { Faults } from './faults.ts'
import type { Journal } from './journal.ts'
import { connectMarket, type Market, rateRules } from './market.ts'
import { settled, type Timeline } from './timeline.ts'
import { connectWallet } from './wallet/connection.ts'
import { type CustomerWallets, connectCustomerWallets } from './wallet/customer-wallets.ts'
import type { Node } from './wallet/node.ts'
import { connectPayees, type Payees } from './wallet/payees.ts'
import { createSimulatedWriter } from './writer.ts'

/** Of addresses and keys; what a flood is refused for is not what is looked for here. */
const plenty = 1_000_000_000
const rations = {
  requestsPerIpPerMinute: plenty,
  postsPerIpPerMinute: plenty,
  commandsPerKeyPerMinute: plenty,
  commandsPerIpPerMinute: plenty,
  refusalsPerKeyPerDay: plenty,
  refusalsPerIpPerDay: plenty,
  decryptionsPerConnectionPerMinute: plenty,
  decryptionsPerIpPerMinute: plenty,
  decryptionsPerSecond: plenty,
  storedBytesPerKeyPerDay: plenty,
  storedBytesPerIpPerDay: plenty,
}

/** The OK of an event, and what is delivered with it to whoever waits. */
export type Answer = (accepted: boolean, message: string, delivered: readonly NostrEvent[]) => void

/** One run of the service's process, from its start to its end. */
export type Machine = {
  readonly clock: LogClock
  /** Takes a signed event from a client. */
  receive(event: NostrEvent, ip: string, answer: Answer): void
  /** Somebody says that an invoice was paid. */
  hint(paymentHash: string): void
  /** Applies other settings, as a start with another configuration does. */
  configure(settings: Settings): void
}

/** What a machine runs on, and whom it tells. */
export type MachineOptions = {
  journal: Journal
  signer: Signer
  timeline: Timeline
  random: Random
  faults: Faults
  node: Node
  payees: Payees
  wallets: CustomerWallets
  market: Market
  life: { alive: boolean }
  settings: Settings
  unpaidHoldsPerIp: number
  isDiskFull(): boolean
  /** What the machine's clock is ahead of true time, in seconds. */
  skewSeconds(): number
  crash(): void
  stored(commit: number, events: readonly NostrEvent[]): void
  flushed(commit: number): void
  /** A command or fact met a bug. */
  failed(error: unknown, commandId: string): void
}

/** Starts the service on what is stored. */
export async function startMachine(options: MachineOptions): Promise<Machine> {
  const { journal, signer, timeline, life, settings, unpaidHoldsPerIp } = options
  const { environment } = journal
  const wallSeconds = () => timeline.now() + options.skewSeconds()
  const clock = createLogClock({
    wallSeconds,
    monotonicMs: timeline.nowMs,
    lastSeen: lastSeen(environment),
    onJump: () => undefined,
  })
  const applyLocally = createSimulatedWriter(options)
  let wake: () => void = () => undefined
  const applier = createApplier({
    environment,
    signer,
    now: clock.now,
    report: options.failed,
    published: (_events, asksForWork) => {
      if (asksForWork) wake()
    },
  })
  const appendFact = createFactAppender({ signer, applier, applyLocally, now: clock.now })
  const secrets = openSecrets({ environment, storeKey: Buffer.alloc(32, 6), replaySeconds: 900 })
  const host = createHost({
    environment,
    signer,
    applier,
    rations: createRations(rations, timeline.nowMs),
    unpaidHolds: createUnpaidHolds(environment.reader, unpaidHoldsPerIp),
    secrets,
    policy: 'members',
    now: wallSeconds,
    room: () => (options.isDiskFull() ? 'facts' : 'events'),
  })
  const inFlight = createInFlight()
  // A fault of the disk is not a fault of the program: the settings are applied at the next try.
  const configure = (wanted: Settings) => {
    void applySettings(environment, appendFact, wanted).catch(() =>
      timeline.after(1_000, life, () => configure(wanted)),
    )
  }
  configure(settings)
  await settled()
  const jobs = startJobs({
    config: {
      orders: { ...settings.orders, unpaidHoldsPerIp, maxInvoiceSat: settings.orders.maxInvoiceMsat / 1_000 },
      rates: rateRules,
    },
    environment,
    walletId: 'simulated',
    wallet: withCircuitBreaker(connectWallet(options), { nowMs: timeline.nowMs, changed: () => undefined }),
    askAddress: connectPayees(options),
    rates: connectMarket({ ...options, now: wallSeconds }),
    secrets: secretsForJobs({ secrets, applyLocally, now: wallSeconds }),
    openCustomerWallet: connectCustomerWallets(options),
    preimageOf: preimagesOf(Buffer.alloc(32, 5)),
    relay: { applyLocally },
    appendFact,
    clock,
    wallSeconds,
    metrics: createServiceMetrics(),
    log: { warn: () => undefined, error: () => undefined },
    waits: timeline.waits(life),
  })
  wake = jobs.wake

  return {
    clock,
    hint: jobs.hint,
    configure,
    receive: (event, ip, answer) => {
      const told: Done = ({ accepted, message, delivered }) => answer(accepted, message, delivered)
      if (inFlight.join(event.id, told)) return
      const known = host.known(event)
      if (known !== undefined) return answer(known.accepted, known.message, [])
      const admission = host.admit(event as VerifiedEvent, { source: 'client', ip, authenticated: new Set() })
      if (admission.kind === 'refuse') return answer(false, admission.message, [])
      if (admission.kind === 'answer') return answer(true, '', admission.deliver)
      if (admission.kind !== 'apply') return answer(true, '', [])
      const ended = inFlight.begin(event.id, told)
      applyLocally(admission.apply, outcome => {
        if (!outcome.ok) return ended({ accepted: false, message: 'error: not stored', delivered: [] })
        const { accepted, message, deliver: delivered } = outcome.value
        ended({ accepted, message, delivered })
      })
    },
  }
}
