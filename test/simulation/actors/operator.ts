import { tables } from '../../../src/store/tables.ts'
import type { World } from '../world.ts'
import { type Actor, anyCustomer, anyName } from './actor.ts'

/** Reserves names, gives money back, changes prices by command and by configuration. */
export const operator: Actor = {
  name: 'operator',
  weight: 6,
  act: world => {
    const { random, clients, operator: by } = world
    switch (random.whole(6)) {
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
      case 3: {
        const fiat = random.pick([null, { currency: 'EUR', baseMinor: 100, perCharMinor: random.whole(50) }])
        const prices = fiat === null ? { basePriceMsat: 1_000_000, pricePerCharMsat: 100_000 } : {}
        clients.send(by, 'domain.set_policy', { domain: 'euro.example', fiat, ...prices })
        break
      }
      case 4:
        refund(world)
        break
      default: {
        const { identifiers, orders, ...others } = world.settings()
        world.configure({
          ...others,
          identifiers: { ...identifiers, graceDays: random.pick([1, 3, 30]) },
          orders: {
            ...orders,
            unpaidHoldsPerAccount: random.pick([0, 1, 3]),
            holdSlackSeconds: random.pick([60, 300]),
          },
        })
      }
    }
  },
}

/** Gives back the price of a late order, now and then twice, or of one that nobody has paid. */
function refund({ random, clients, operator: by, reader }: World): void {
  const late = reader.range(tables.orders, []).filter(({ row }) => row.status === 'fulfilled' || random.chance(0.1))
  const orderId = late[random.whole(Math.max(1, late.length))]?.key[0]
  if (orderId === undefined) return
  clients.send(by, 'order.refund', { orderId, reason: 'it was not as promised' })
  if (random.chance(0.3)) clients.send(by, 'order.refund', { orderId, reason: 'it was not as promised' })
}
