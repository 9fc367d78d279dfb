import type { ApplyLocally } from '../pipeline/facts.ts'
import type { Environment } from '../store/environment.ts'
import { tables } from '../store/tables.ts'
import type { AskedPayments } from './payments.ts'

/** Remembers in the tables, for ever, which payments the wallet has been asked for. */
export function askedPayments(options: { environment: Environment; applyLocally: ApplyLocally }): AskedPayments {
  const { environment, applyLocally } = options
  return {
    has: withdrawalId => environment.reader.has(tables.askedPayments, [withdrawalId]),
    add: withdrawalId =>
      new Promise((resolve, reject) => {
        applyLocally(
          () => {
            environment.transactor.put(tables.askedPayments, [withdrawalId], {})
            return { accepted: true, message: '', store: [], deliver: [] }
          },
          outcome => (outcome.ok ? resolve() : reject(outcome.error)),
        )
      }),
  }
}
