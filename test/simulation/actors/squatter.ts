import { tables } from '../../../src/store/tables.ts'
import { squatterAddress } from '../addresses.ts'
import { outsideWorld } from '../timeline.ts'
import type { World } from '../world.ts'
import { type Actor, anyName } from './actor.ts'

const firstKey = 10_000
/** Keys cost nothing. Now and then it is a few, each of which orders several names. */
const manyKeys = 10_000
const keys = [manyKeys, manyKeys, manyKeys, 5] as const
/** More at once are for what is held already, so that it is theirs next; invoices by the thousand are looked at for hours. */
const flood = 50
/** Names that nobody else wants use up what there is in total. */
const ownNames = 60
const soonSeconds = 3_600

/**
 * Blocks names and pays for nothing: orders many at once, by thousands of keys from a few networks, before all those that others
 * want; gives orders up, and comes again when a hold ends and when a name can be held again, at that second too.
 */
export const squatter: Actor = {
  name: 'squatter',
  weight: 5,
  act: world => {
    const { random, clients, reader, squatterOrders } = world
    if (squatterOrders === 0) return
    const held = reader.range(tables.holds, [])
    const orders = 1 + random.whole(squatterOrders)
    const isFlood = orders > flood
    const among = isFlood ? manyKeys : random.pick(keys)
    for (let left = orders; left > 0; left--) {
      const wanted = random.chance(0.6) ? anyName(world) : `sq${random.whole(ownNames)}@example.com`
      const one = isFlood && random.chance(0.9) ? held[random.whole(held.length)] : undefined
      order(world, among, one === undefined ? wanted : nameOf(one.key))
    }
    for (const { key, row } of held) {
      const whose = clients.personOf(row.account)
      if (whose === undefined || whose.pays) continue
      if (random.chance(0.03)) {
        clients.send(whose, 'order.cancel', { orderId: row.orderId })
        order(world, among, nameOf(key))
      } else if (random.chance(0.1)) orderAt(world, row.until, nameOf(key))
    }
    for (const { key, row } of reader.range(tables.lapsedHolds, [], { limit: 20 })) {
      if (random.chance(0.05)) order(world, among, nameOf(key))
      else if (random.chance(0.1)) orderAt(world, row.until, nameOf(key))
    }
  },
}

function nameOf([domain, name]: readonly [string, string]): string {
  return `${name}@${domain}`
}

/** Orders a name by one of so many keys. */
function order({ random, clients }: World, among: number, identifier: string): void {
  const number = firstKey + random.whole(among)
  const by = clients.person(number, { ...squatterAddress(number), pays: false })
  clients.send(by, 'identifier.register', { identifier, pay: 'invoice' })
}

/** Orders a name about when it can be had again, if that is soon. */
function orderAt(world: World, at: number, identifier: string): void {
  const { random, timeline } = world
  const secondsLeft = at + random.pick([-1, 0, 0, 1, 60]) - timeline.now()
  if (secondsLeft < 0 || secondsLeft > soonSeconds) return
  timeline.after(secondsLeft * 1_000, outsideWorld, () => order(world, manyKeys, identifier))
}
