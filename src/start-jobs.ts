import type { Logger } from 'pino'
import type { Relay } from '../relay/relay.ts'
import type { LightningBackend } from './adapters/lightning/port.ts'
import type { AskAddress } from './adapters/lnurl-pay/http.ts'
import type { RateSource } from './adapters/rates/port.ts'
import type { Config } from './config.ts'
import { resolveAddressWorker } from './jobs/addresses.ts'
import { askedPayments } from './jobs/asked-payments.ts'
import { runDueTimer } from './jobs/due-timer.ts'
import { cancelHoldWorker, settleHoldWorker } from './jobs/holds.ts'
import { keepHouse } from './jobs/housekeeping.ts'
import { createInvoiceWorker, lookUpInvoiceWorker } from './jobs/invoices.ts'
import type { Waits } from './jobs/pause.ts'
import { payInvoiceWorker } from './jobs/payments.ts'
import type { PreimageOf } from './jobs/preimages.ts'
import { observeRatesRegularly } from './jobs/rates.ts'
import { reconcileRegularly } from './jobs/reconcile.ts'
import { startJobRunner } from './jobs/runner.ts'
import type { SecretsForJobs } from './jobs/secrets.ts'
import { followHint, followSettlements, sweepRegularly } from './jobs/settlements.ts'
import { ownStateOf, payByWalletWorker, type StrangersWallet } from './jobs/wallet-payments.ts'
import type { ServiceMetrics } from './metrics/service-metrics.ts'
import { currentSettings } from './pipeline/current-settings.ts'
import type { AppendFact } from './pipeline/facts.ts'
import type { LogClock } from './pipeline/log-clock.ts'
import type { Environment } from './store/environment.ts'
import { tables } from './store/tables.ts'

/** What the service does by itself, beside answering. */
export type Jobs = {
  /** Called when a transaction may have left work with the wallet. */
  wake(): void
  /** Called when somebody says, who need not be right, that an invoice was paid. */
  hint(paymentHash: string): void
  stop(): Promise<void>
}

const sweepEveryMs = 300_000
/** In place of a wallet's id, for those of customers, each of which is asked by its own secret. */
const customersWallets = 'customers'

/** Starts the work with the wallet, what falls due, looking at exchange rates, and the housekeeping. */
export function startJobs(options: {
  config: Pick<Config, 'orders' | 'rates'>
  environment: Environment
  wallet: LightningBackend
  /** What tells the wallet from any other that was, or will be, there. */
  walletId: string
  askAddress: AskAddress
  preimageOf: PreimageOf
  rates: RateSource
  secrets: SecretsForJobs
  openCustomerWallet: (uri: string) => StrangersWallet | null
  relay: Pick<Relay, 'applyLocally'>
  appendFact: AppendFact
  clock: LogClock
  /** Unix seconds by the machine's clock. */
  wallSeconds(): number
  metrics: Pick<ServiceMetrics, 'jobs'>
  log: Pick<Logger, 'warn' | 'error'>
  waits?: Waits
}): Jobs {
  const { config, environment, wallet, walletId, askAddress, preimageOf, rates, secrets, relay } = options
  const { appendFact, clock, metrics, log, waits } = options
  const { applyLocally } = relay
  const stopping = new AbortController()
  const { signal } = stopping
  const onFailed = (event: string) => (error: unknown) => log.error({ event, error })
  const onWalletError = (error: unknown) => log.warn({ event: 'wallet.failed', error })
  const walletJobs = { environment, backend: wallet, walletId, appendFact, signal, onError: onWalletError, waits }
  const tryForSeconds = () => config.orders.commandDeadlineSeconds
  const runner = startJobRunner({
    environment,
    appendFact,
    workers: {
      'create-invoice': createInvoiceWorker(wallet, preimageOf, {
        currency: () => currentSettings(environment).payments.currency,
        now: clock.now,
        wallSeconds: options.wallSeconds,
        report: onWalletError,
      }),
      'look-up-invoice': lookUpInvoiceWorker(wallet),
      'settle-hold': settleHoldWorker(wallet, preimageOf, clock.now),
      'cancel-hold': cancelHoldWorker(wallet, clock.now),
      'resolve-address': resolveAddressWorker(askAddress),
      'pay-invoice': payInvoiceWorker({
        backend: wallet,
        asked: askedPayments({ environment, applyLocally, wallet: walletId }),
        isOpen: id => environment.reader.get(tables.withdrawals, [id])?.status === 'paying',
        now: clock.now,
        report: onWalletError,
      }),
      'pay-by-wallet': payByWalletWorker({
        stateOf: ownStateOf(environment.reader),
        ...secrets,
        connect: options.openCustomerWallet,
        asked: askedPayments({ environment, applyLocally, wallet: customersWallets }),
        lookAt: paymentHash => followHint(walletJobs, paymentHash),
        now: clock.now,
        tryForSeconds,
        signal,
      }),
    },
    now: clock.now,
    tryForSeconds,
    onError: (error, job) => log.warn({ event: 'job.failed', job: job.id, type: job.type, error }),
    counted: metrics.jobs.count,
    waits,
  })
  const loops = [
    followSettlements(walletJobs),
    sweepRegularly({ ...walletJobs, now: clock.now, everyMs: sweepEveryMs }),
    reconcileRegularly({ ...walletJobs, now: clock.now }),
    observeRatesRegularly({
      environment,
      source: rates,
      appendFact,
      minChangePermille: config.rates.minChangePermille,
      maxAgeSeconds: config.rates.maxAgeSeconds,
      everyMs: config.rates.everySeconds * 1_000,
      signal,
      onError: error => log.warn({ event: 'rate.failed', error }),
      waits,
    }),
    runDueTimer({
      environment,
      appendFact,
      clock,
      signal,
      onPostponed: due => log.error({ event: 'due.postponed', ...due }),
      onError: onFailed('clock.failed'),
      waits,
    }),
    keepHouse({
      environment,
      applyLocally,
      clock,
      signal,
      onError: onFailed('housekeeping.failed'),
      waits,
    }),
  ]
  runner.wake()
  return {
    wake: runner.wake,
    hint: paymentHash => void followHint(walletJobs, paymentHash),
    stop: async () => {
      stopping.abort()
      await runner.stop()
      await Promise.all(loops)
    },
  }
}
