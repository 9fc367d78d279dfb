import { type Actor, anyCustomer, anyName, anyPayment } from './actor.ts'

/** Registers and renews names, and orders what is on the price list; sometimes two want one name at the same moment. */
export const buyer: Actor = {
  name: 'buyer',
  weight: 20,
  act: world => {
    const { random, clients } = world
    const by = anyCustomer(world)
    const what = random.whole(10)
    if (what < 6) {
      const identifier = anyName(world)
      const params = { identifier, years: 1 + random.whole(2) }
      clients.send(by, 'identifier.register', { ...params, ...anyPayment(world) })
      if (random.chance(0.3)) {
        clients.send(anyCustomer(world), 'identifier.register', { ...params, ...anyPayment(world) })
      }
    } else if (what < 8) {
      clients.send(by, 'identifier.renew', {
        identifier: anyName(world),
        years: random.pick([1, 1, 9]),
        ...anyPayment(world),
      })
    } else {
      const anyItem = () => ({
        itemId: random.pick(['sticker', 'sticker', 'mug', 'mug', 'nothing']),
        quantity: 1 + random.whole(300),
      })
      const items = Array.from({ length: random.pick([1, 1, 2, 3]) }, anyItem)
      clients.send(by, 'order.place', { items, ...anyPayment(world) })
    }
  },
}
