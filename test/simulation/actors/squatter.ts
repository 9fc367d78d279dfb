import { type Actor, anyName } from './actor.ts'

const firstKey = 10_000
const keys = 10_000

/** Has ten thousand keys and two addresses, orders names with them, and pays for nothing. */
export const squatter: Actor = {
  name: 'squatter',
  weight: 5,
  act: world => {
    const { random, clients } = world
    const number = firstKey + random.whole(keys)
    const by = clients.person(number, `198.51.100.${number % 2}`)
    const identifier = random.chance(0.5) ? anyName(world) : `sq${random.whole(50)}@example.com`
    clients.send(by, 'identifier.register', { identifier, pay: 'invoice' })
  },
}
