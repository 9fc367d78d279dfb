import { type Actor, anyAddress, anyCustomer } from './actor.ts'

/** Tops the balance up and has it paid out, to invoices that may be paid, may not, or are paid already, and to addresses. */
export const saver: Actor = {
  name: 'saver',
  weight: 12,
  act: world => {
    const { random, clients, node } = world
    const by = anyCustomer(world)
    if (random.chance(0.5)) {
      clients.send(by, 'balance.topup', { amountMsat: random.pick([1_000, 3_000_000, 20_000_000]) })
      return
    }
    const amountMsat = random.pick([1_000, 100_000, 2_000_000])
    if (random.chance(0.4)) {
      const params = { lightningAddress: anyAddress(world), amountMsat, comment: 'mine' }
      clients.send(by, 'balance.withdraw', params)
      if (random.chance(0.3)) clients.send(by, 'balance.withdraw', params)
      return
    }
    const bolt11 = node.outsideInvoice(amountMsat, random.pick([20, 600, 3_600]))
    const params = { bolt11, ...(random.chance(0.5) ? { maxFeeMsat: random.pick([0, 50_000]) } : {}) }
    clients.send(by, 'balance.withdraw', params)
    if (random.chance(0.2)) clients.send(anyCustomer(world), 'balance.withdraw', params)
  },
}
