import type { ApplyLocally } from '../pipeline/facts.ts'
import type { Secrets } from '../store/secrets.ts'

/** What workers do with customers' secrets: use them, and erase them when their time is over. */
export function secretsForJobs(options: { secrets: Secrets; applyLocally: ApplyLocally; now(): number }) {
  const { secrets, applyLocally, now } = options
  return {
    /** `null`: the account has no secret of this handle. */
    open: (account: string, handle: string): string | null => secrets.open(account, handle)?.secret ?? null,
    /** Resolves once it is durable; what is erased already stays so. */
    forget: (account: string, handle: string): Promise<void> =>
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
