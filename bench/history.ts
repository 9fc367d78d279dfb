import { hash } from 'node:crypto'
import { customerAccount, post, revenueAccount, walletAccount } from '../src/domain/billing/ledger.ts'
import { deriveRef } from '../src/domain/context.ts'
import { list } from '../src/domain/listing.ts'
import { initialSettings } from '../src/domain/settings.ts'
import { queryMethods } from '../src/pipeline/catalog.ts'
import { isRejection } from '../src/rejections.ts'
import { type Environment, openEnvironment } from '../src/store/environment.ts'
import { tables } from '../src/store/tables.ts'
import { loadedAtOnce, mapSizeBytes } from './load-notes.ts'
import { costOf } from './process-usage.ts'
import { createRandom, pick } from './random.ts'
import type { Report } from './report.ts'
import { createDataDirectory } from './server.ts'

/** Of a thousand postings so many accounts have each its share, and there will never be more of theirs. */
const accountsPerThousand = 20
/** One posting of so many is of one account, whose history is the longest. */
const shareOfLongest = 10
/** A top-up, a purchase, a top-up and so on: of two postings one belongs to an order. */
const postingsPerOrder = 2
const startTime = 1_790_000_000
const lookUps = 2_000
const longest = hash('sha256', 'the customer with the longest history')

/** Where and when something stands in the history that is made up: all of it follows from its number. */
type Step = { readonly time: number; readonly commandId: string; readonly account: string }

/** What a look-up in the ledger takes, by how long the history is: it should take the same. */
export async function measureHistory(report: Report, lengths: readonly number[]): Promise<void> {
  const data = createDataDirectory()
  const environment = openEnvironment({ directory: data.path, mapSizeBytes, scratch: true })
  try {
    const shortest = new Map<string, number>()
    let written = 0
    for (const length of lengths) {
      for (; written < length; written += loadedAtOnce) {
        const first = written
        await environment.root.transaction(() => {
          for (let index = first; index < first + loadedAtOnce; index++) write(environment, stepAt(index), index)
        })
      }
      let random = createRandom(1)
      const anyStep = () => stepAt(pick(random, length / postingsPerOrder) * postingsPerOrder)
      for (const [figure, ask] of questionsOf(anyStep)) {
        const askMany = async (seed: number) => {
          random = createRandom(seed)
          const { cpuMs } = await costOf(() => {
            for (let count = 0; count < lookUps; count++) ask(environment)
          })
          return (cpuMs * 1_000) / lookUps
        }
        // The first time is the compiler's, and the first of other questions the kernel's, which maps the pages.
        await askMany(1)
        const first = await askMany(2)
        const value = await askMany(2)
        const floor = shortest.get(figure) ?? value
        shortest.set(figure, floor)
        report.add({ figure, value, unit: 'us', floor, ratio: floor / value, stored: length, target: { ratio: 0.5 } })
        report.add({ figure: `${figure}: where nobody has looked before`, value: first, unit: 'us', stored: length })
      }
    }
  } finally {
    await environment.close()
    data.remove()
  }
}

function stepAt(index: number): Step {
  const number = Math.floor(index / 1_000) * accountsPerThousand + (index % accountsPerThousand)
  const account = index % shareOfLongest === 0 ? longest : hash('sha256', `customer ${number}`)
  return { time: startTime + index, commandId: index.toString(16).padStart(64, '0'), account }
}

function write({ transactor: tx }: Environment, step: Step, index: number): void {
  const { account, time } = step
  const customer = customerAccount(account)
  if (index % postingsPerOrder > 0) {
    const settlement = {
      debit: walletAccount,
      credit: customer,
      amountMsat: 2_000,
      reason: 'settlement',
      orderId: null,
    }
    post(tx, step, settlement)
    return
  }
  const orderId = deriveRef(step, 'order')
  const line = { description: 'a sticker', amountMsat: 1_000, fiat: null }
  tx.put(tables.orders, [orderId], {
    status: 'fulfilled',
    account,
    commandId: step.commandId,
    items: [{ sellable: 'item', params: {}, lines: [line], totalMsat: 1_000 }],
    totalMsat: 1_000,
    createdAt: time,
    invoiceId: null,
    held: false,
    coupon: null,
    creditMsat: 0,
    rates: [],
    fulfilledAt: time,
    invoicedMsat: 0,
    refundTo: null,
  })
  list(tx, account, 'order', { time, id: orderId })
  // What comes first has to be there before it is spent.
  tx.put(tables.balances, [customer], { msat: (tx.get(tables.balances, [customer])?.msat ?? 0) + 1_000 })
  post(tx, step, { debit: customer, credit: revenueAccount, amountMsat: 1_000, reason: 'sale', orderId })
}

/** Each asks for something else of the same kind every time it is called. */
function questionsOf(anyStep: () => Step): [string, (environment: Environment) => void][] {
  const settings = { ...initialSettings, operators: [longest] }
  const sign = () => {
    throw new Error('none of these is signed')
  }
  const ask = (method: string, author: string, params: object) => (environment: Environment) => {
    const bound = queryMethods.find(({ declaration }) => declaration.name === method)?.bind(params)
    if (!bound?.ok) throw new Error(`${method} cannot be asked so`)
    const answer = bound.run(environment.reader, { time: startTime, author, settings, sign })
    if (isRejection(answer)) throw new Error(`${method} was refused`)
  }
  return [
    ['balance.get, of any account', environment => ask('balance.get', anyStep().account, { limit: 10 })(environment)],
    ['balance.get, of the account with a tenth of all', ask('balance.get', longest, { limit: 10 })],
    [
      'order.get',
      environment => {
        const step = anyStep()
        ask('order.get', step.account, { orderId: deriveRef(step, 'order') })(environment)
      },
    ],
    ['order.list, newest 50 of a tenth of all', ask('order.list', longest, {})],
    ['transaction.list, oldest 100 of a tenth of all', ask('transaction.list', longest, {})],
    ['transaction.list, oldest 100 of all', ask('transaction.list', longest, { account: 'all' })],
  ]
}
