import { setTimeout as delay } from 'node:timers/promises'
import { InvoiceRefused, LightningUnavailable } from '../port.ts'
import { createFaults, type Fault, type Faults } from './faults.ts'

/** How the wallet's calls are answered: as it was told to fail, until it is closed. */
export type Calls = {
  readonly faults: Faults
  /** Throws `LightningUnavailable` once the wallet is closed. */
  checkOpen(): void
  /** Gives no answer until the signal aborts, the wallet closes or the time for answers is over. */
  silence(signal: AbortSignal): Promise<void>
  /** Does what was asked unless it was told to fail. Throws `LightningUnavailable` or `InvoiceRefused` then. */
  run<T>(name: Fault['call'] | 'check', signal: AbortSignal, act: () => Promise<T>): Promise<T>
  /** Says whether it was open. */
  close(): boolean
}

export function createCalls(timeoutMs: number): Calls {
  const faults = createFaults()
  const closing = new AbortController()
  const checkOpen = () => {
    if (closing.signal.aborted) throw new LightningUnavailable('the development wallet is closed')
  }
  const silence = async (signal: AbortSignal) => {
    const until = AbortSignal.any([signal, closing.signal])
    // An abort ends the waiting early; either way there was no answer.
    await delay(timeoutMs, undefined, { signal: until, ref: false }).catch(() => undefined)
  }
  return {
    faults,
    checkOpen,
    silence,
    run: async (name, signal, act) => {
      checkOpen()
      if (signal.aborted) throw new LightningUnavailable('the call was given up before it began')
      const fault = faults.take(name)
      if (fault === 'refused' && name === 'create') {
        throw new InvoiceRefused('the development wallet was told to refuse the invoice')
      }
      if (fault === 'unavailable' || fault === 'refused')
        throw new LightningUnavailable('the development wallet was told to be unavailable')
      if (fault === 'timeout') {
        await silence(signal)
        throw new LightningUnavailable('the development wallet was told to give no answer')
      }
      const answer = await act()
      if (fault === 'drop-after') throw new LightningUnavailable('the development wallet was told to lose its answer')
      return answer
    },
    close: () => {
      if (closing.signal.aborted) return false
      closing.abort()
      return true
    },
  }
}
