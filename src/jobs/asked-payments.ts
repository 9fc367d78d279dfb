import type { ApplyLocally } from '../pipeline/facts.ts'
import type { Environment } from '../store/environment.ts'
import { tables } from '../store/tables.ts'
import type { AskedPayments } from './payments.ts'

/** Remembers in the tables which payments a wallet has been asked for; `wallet` is what tells it from others. */
export function askedPayments(options: {
  environment: Environment
  applyLocally: ApplyLocally
  wallet: string
}): AskedPayments {
  const { environment, applyLocally, wallet } = options
  const { reader, transactor } = environment
  const write = (change: () => void): Promise<void> =>
    new Promise((resolve, reject) => {
      applyLocally(
        () => {
          change()
          return { accepted: true, message: '', store: [], deliver: [] }
        },
        outcome => (outcome.ok ? resolve() : reject(outcome.error)),
      )
    })
  return {
    has: id => reader.has(tables.askedPayments, [id]),
    isOfAnother: id => (reader.get(tables.askedPayments, [id])?.wallet ?? wallet) !== wallet,
    add: id => write(() => transactor.put(tables.askedPayments, [id], { wallet })),
    remove: id => write(() => transactor.delete(tables.askedPayments, [id])),
  }
}
