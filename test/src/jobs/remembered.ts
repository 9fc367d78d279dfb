import type { AskedPayments } from '../../../src/jobs/payments.ts'

/** Remembers in a set which payments the one wallet there is has been asked for. */
export function rememberedIn(asked: Set<string>): AskedPayments {
  return {
    has: id => asked.has(id),
    isOfAnother: () => false,
    add: async id => void asked.add(id),
    remove: async id => void asked.delete(id),
  }
}
