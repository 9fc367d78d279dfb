import type { ApplyLocally } from '../pipeline/facts.ts'
import type { Secrets } from '../store/secrets.ts'

/** What workers do with customers' secrets: use them, and erase them when their time is over. */
export type SecretsForJobs = {
  /** `null`: the account has no secret of this handle. */
  open(account: string, handle: string): string | null
  /** Resolves once it is durable; what is erased already stays so. */
  forget(account: string, handle: string): Promise<void>
}

/** Opens the store to workers. */
export function secretsForJobs(options: {
  secrets: Secrets
  applyLocally: ApplyLocally
  /** Unix seconds, by the clock that calls are judged by. */
  now(): number
}): SecretsForJobs {
  const { secrets, applyLocally, now } = options
  return {
    open: (account, handle) => secrets.open(account, handle)?.secret ?? null,
    forget: (account, handle) =>
      new Promise((resolve, reject) => {
        applyLocally(
          () => {
            secrets.erase(account, handle, now())
            return { accepted: true, message: '', store: [], deliver: [] }
          },
          outcome => (outcome.ok ? resolve() : reject(outcome.error)),
        )
      }),
  }
}
