import type { NostrEvent } from '../../relay/event.ts'
import { command, type Twist } from './envelope.ts'
import type { World } from './world.ts'

/** An event that is refused before anything is written, and the message of the OK that says so. */
export type Refused = {
  readonly name: string
  event(world: World): NostrEvent
  readonly message: string | RegExp
  /** `false`: over HTTP such an event is no command at all. */
  readonly overHttp?: false
}

export const quote = { identifier: 'new@localhost' }
export const ticket = { subject: 'Hello', content: 'Is this private?' }

/** Params of a fact that would be worth something to whoever could send it. */
export const settled = {
  backend: 'dev-wallet',
  paymentHash: '0'.repeat(64),
  receivedMsat: 1,
  settledAt: 1,
  cursor: null,
}

/** The key of no service that we know of. */
export const otherService = '79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798'

/** A right registration of a stranger, signed with one thing twisted. */
export function registration(twist: Twist) {
  return ({ service, stranger }: World) => command(service, stranger, 'identifier.register', quote, twist)
}

/** A command of a stranger. */
export function withParams(method: string, params: unknown) {
  return ({ service, stranger }: World) => command(service, stranger, method, params)
}
