import { parseArgs } from 'node:util'
import { z } from 'zod'
import { faultCalls, faultModes } from '../adapters/lightning/dev-wallet/faults.ts'
import type { DevWallet } from '../adapters/lightning/dev-wallet/wallet.ts'
import { ControlError, type ControlHandler, callControl, controlHandler, controlSocketPath } from './control-socket.ts'

const usage = [
  'panda dev pay INVOICE [--late] [--msat N]',
  'panda dev invoice MSAT',
  `panda dev fail ${faultCalls.join('|')} ${faultModes.join('|')} [--times N]`,
]

const pay = z.strictObject({
  /** BOLT 11 or payment hash. */
  invoice: z.string().min(1).max(4_096),
  late: z.boolean().default(false),
  receivedMsat: z.int().min(1).optional(),
})
/** An invoice of somebody outside, to withdraw to. */
const invoice = z.strictObject({ amountMsat: z.int().min(1) })
const made = z.object({ bolt11: z.string() })
const fail = z.strictObject({
  call: z.enum(faultCalls),
  mode: z.enum(faultModes),
  times: z.int().min(0).max(1_000_000).default(1),
})
const paid = z.object({ paymentHash: z.string(), receivedMsat: z.number() })

const refusals = {
  unknown: 'this is no invoice of the development wallet',
  'already settled': 'this invoice is already settled',
  cancelled: 'this invoice was cancelled',
  expired: 'this invoice has expired (--late pays it all the same)',
} as const

/** The methods `dev.pay`, `dev.invoice` and `dev.fail` of the control socket, for the service that runs the wallet. */
export function devWalletHandlers(wallet: DevWallet): Record<string, ControlHandler> {
  return {
    'dev.pay': controlHandler(pay, async ({ invoice, late, receivedMsat }) => {
      const outcome = await wallet.receive(invoice, receivedMsat === undefined ? { late } : { late, receivedMsat })
      if (outcome.status === 'refused') return { ok: false, error: refusals[outcome.reason] }
      return { ok: true, result: { paymentHash: outcome.paymentHash, receivedMsat: outcome.receivedMsat } }
    }),
    'dev.invoice': controlHandler(invoice, async ({ amountMsat }) => ({
      ok: true,
      result: await wallet.outsideInvoice({ amountMsat }),
    })),
    'dev.fail': controlHandler(fail, async fault => {
      wallet.fault(fault)
      return { ok: true, result: null }
    }),
  }
}

/**
 * `panda dev pay`, `panda dev invoice` and `panda dev fail`, asked of the service that runs with this data directory. Resolves with the exit
 * code: 0 done, 1 refused or not reached, 2 wrong usage.
 */
export async function devCommand(
  args: string[],
  { dataDirectory, print }: { dataDirectory: string; print(line: string): void },
): Promise<number> {
  const asked = readArguments(args)
  if (asked === null) {
    for (const line of usage) print(line)
    return 2
  }
  try {
    const result = await callControl(controlSocketPath(dataDirectory), asked.method, asked.params)
    print(asked.describe(result))
    return 0
  } catch (error) {
    if (!(error instanceof ControlError)) throw error
    print(`panda: ${error.message}`)
    return 1
  }
}

type Asked = { method: 'dev.pay' | 'dev.invoice' | 'dev.fail'; params: unknown; describe(result: unknown): string }

function describePayment(result: unknown): string {
  const { paymentHash, receivedMsat } = paid.parse(result)
  return `Paid ${receivedMsat} msat to ${paymentHash}.`
}

function describeFault({ call, mode, times }: z.output<typeof fail>): string {
  const calls = call === 'all' ? 'calls' : `${call} calls`
  return times === 0 ? `No ${calls} are told to fail.` : `The next ${calls} fail (${mode}, ${times} times).`
}

/** What the arguments ask for, or `null` when they do not make sense. */
function readArguments(args: string[]): Asked | null {
  const parsed = parse(args)
  if (parsed === null) return null
  const { values, positionals } = parsed
  const [command, ...rest] = positionals
  if (command === 'pay' && rest.length === 1 && values.times === undefined) {
    const invoice = rest[0]?.replace(/^lightning:/i, '')
    const params = pay.safeParse({ invoice, late: values.late, receivedMsat: wholeNumber(values.msat) })
    return params.success ? { method: 'dev.pay', params: params.data, describe: describePayment } : null
  }
  if (command === 'invoice' && rest.length === 1 && Object.keys(values).length === 0) {
    const params = invoice.safeParse({ amountMsat: wholeNumber(rest[0]) })
    if (!params.success) return null
    return { method: 'dev.invoice', params: params.data, describe: result => made.parse(result).bolt11 }
  }
  if (command === 'fail' && rest.length === 2 && values.msat === undefined && values.late === undefined) {
    const params = fail.safeParse({ call: rest[0], mode: rest[1], times: wholeNumber(values.times) })
    if (!params.success) return null
    return { method: 'dev.fail', params: params.data, describe: () => describeFault(params.data) }
  }
  return null
}

function parse(args: string[]) {
  const options = { late: { type: 'boolean' }, msat: { type: 'string' }, times: { type: 'string' } } as const
  try {
    return parseArgs({ args, options, allowPositionals: true })
  } catch {
    // parseArgs throws on flags it does not know, which the usage answers.
    return null
  }
}

/** `NaN` for what is no whole number, so that the schema refuses it. */
function wholeNumber(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  return /^\d{1,16}$/.test(text) ? Number(text) : Number.NaN
}
