import type { Person } from '../clients.ts'
import type { World } from '../world.ts'

/** Somebody or something that acts now and then, as often as its weight says. */
export type Actor = { readonly name: string; readonly weight: number; act(world: World): void | Promise<void> }

const customers = 6
const names = ['aa', 'bb', 'cc', 'admin', 'dd', 'ee', 'prize'] as const
const domains = ['example.com', 'example.com', 'example.com', 'euro.example', 'free.example', 'closed.example'] as const
const addresses = ['ann@outside.example', 'bob@outside.example'] as const

/** One of a few customers, so that they meet. */
export function anyCustomer({ random, clients }: World): Person {
  return clients.person(1 + random.whole(customers))
}

/** One of a few names, so that several want it. */
export function anyName({ random }: World): string {
  return `${random.pick(names)}@${random.pick(domains)}`
}

/** A Lightning address of the outside world. */
export function anyAddress({ random }: World): string {
  return random.pick(addresses)
}

/** How an order shall be paid, any way there is. */
export function anyPayment(world: World): object {
  const { random } = world
  return {
    pay: random.pick(['invoice', 'invoice', 'invoice', 'balance']),
    ...(random.chance(0.2) ? { creditMsat: random.pick([1, 500_000, 9_000_000]) } : {}),
    ...(random.chance(0.3) ? { refundTo: anyAddress(world) } : {}),
    ...(random.chance(0.3) ? { coupon: random.pick(['TENTH', 'TENTH', 'GIFT', 'GIFT', 'FREE', 'NONE']) } : {}),
  }
}
