import type { LightningBackend } from '../../../src/adapters/lightning/port.ts'

/** A backend of which nothing is asked: whatever is says so. */
export function silentBackend(name: string): LightningBackend {
  const notAsked = () => Promise.reject(new Error('not asked for here'))
  return {
    name,
    capabilities: notAsked,
    createInvoice: notAsked,
    lookUpInvoice: notAsked,
    settleHold: notAsked,
    cancelHold: notAsked,
    incoming: () => {
      throw new Error('not asked for here')
    },
    pay: notAsked,
    lookUpPayment: notAsked,
    balanceMsat: notAsked,
    check: notAsked,
    close: () => Promise.resolve(),
  }
}
