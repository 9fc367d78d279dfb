import { type Actor, anyCustomer, anyName } from './actor.ts'

/** Reserves names, changes prices by command and by configuration. */
export const operator: Actor = {
  name: 'operator',
  weight: 4,
  act: world => {
    const { random, clients, operator: by } = world
    switch (random.whole(4)) {
      case 0: {
        const reservedFor = random.chance(0.3) ? anyCustomer(world).publicKey : null
        const priceMsat = random.pick([null, 0, 2_000_000])
        const params = { identifier: anyName(world), reason: 'short', priceMsat, reservedFor }
        clients.send(by, 'identifier.reserve', params)
        break
      }
      case 1:
        clients.send(by, 'identifier.unreserve', { identifier: anyName(world) })
        break
      case 2: {
        const basePriceMsat = random.pick([0, 1_000, 5_000_000])
        clients.send(by, 'domain.set_policy', { domain: 'example.com', basePriceMsat, open: random.chance(0.8) })
        break
      }
      default: {
        const { identifiers, orders, coupons, ...others } = world.settings()
        world.configure({
          ...others,
          identifiers: { ...identifiers, graceDays: random.pick([1, 3, 30]) },
          orders: {
            ...orders,
            unpaidHoldsPerAccount: random.pick([0, 1, 3]),
            holdSlackSeconds: random.pick([60, 300]),
          },
          coupons: coupons.map(coupon => ({ ...coupon, usesPerAccount: random.pick([1, 3]) })),
        })
      }
    }
  },
}
