import { z } from 'zod'
import { type Settings, settingsRow } from '../store/settings-row.ts'
import { tables } from '../store/tables.ts'
import { ok } from './context.ts'
import { defineCommand } from './method.ts'

/** The settings that handlers depend on have changed. Only what differs from the last settings touches a domain. */
export const configApplied = defineCommand({
  name: 'config.applied',
  type: 'fact',
  caller: 'service',
  privacy: 'public',
  summary: 'The configuration differs from the last one applied.',
  params: z.strictObject({ settings: settingsRow }),
  result: z.object({}),
  handle: ({ settings }, tx, context) => {
    const before = tx.get(tables.settings, ['current'])
    tx.put(tables.settings, ['current'], settings)
    for (const { name, ...policy } of settings.domains) {
      const previous = before?.domains.find(domain => domain.name === name)
      const unchanged = previous !== undefined && JSON.stringify(previous) === JSON.stringify({ name, ...policy })
      // What an operator has set by command since stays, unless the configuration itself says something new.
      if (unchanged) continue
      const createdAt = tx.get(tables.domains, [name])?.createdAt ?? context.time
      tx.put(tables.domains, [name], { ...policy, createdAt })
    }
    for (const { name } of before?.domains ?? []) {
      const row = tx.get(tables.domains, [name])
      const isGone = !settings.domains.some(domain => domain.name === name)
      // What was sold there stays served; nothing more is sold.
      if (isGone && row !== undefined) tx.put(tables.domains, [name], { ...row, open: false })
    }
    return ok({})
  },
})

/** What holds before the first configuration is applied: nothing is sold and nobody has a say. */
export const initialSettings: Settings = {
  operators: [],
  staff: [],
  suspended: [],
  websocketUrl: '',
  domains: [],
  orders: {
    invoiceExpirySeconds: 0,
    holdSlackSeconds: 0,
    commandDeadlineSeconds: 0,
    unpaidHoldsPerAccount: 0,
    unpaidHoldsTotal: 0,
    lapsedHoldSeconds: 0,
    maxInvoiceMsat: 0,
  },
  identifiers: { minLength: 1, maxLength: 64, graceDays: 0, noticeDays: 0, reserved: [] },
  payments: { currency: 'bcrt', feePpm: 0, minFeeMsat: 0 },
  items: [],
  referrals: { rewardPercent: 0, maxRewardMsat: 0 },
  coupons: [],
  rates: { maxAgeSeconds: 0 },
}
