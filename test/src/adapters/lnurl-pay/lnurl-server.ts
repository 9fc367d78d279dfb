import { createHash } from 'node:crypto'
import { type InvoiceFields, signInvoice } from '../../../../src/adapters/lightning/dev-wallet/sign-invoice.ts'
import type { Guard } from '../../../../src/adapters/lnurl-pay/fetch-json.ts'
import { makeCertificate } from '../lightning/lnd/certificates.ts'
import { type Call, type LocalServer, type Reply, startLocalServer } from '../lightning/local-server.ts'

const certificate = makeCertificate('*.example.com')
const outsider = createHash('sha256').update('a node outside').digest()

/** What a server says otherwise than it should. */
export type Lies = {
  /** Changed in the pay request (LUD-06, step 3); the callback is made of the server's own URL. */
  readonly terms?: (url: string) => object
  /** Instead of alice's pay request, or of the answer with the invoice. */
  readonly pay?: Reply
  readonly invoice?: Reply
  readonly fields?: Partial<InvoiceFields>
}

/** A server of Lightning addresses on loopback, which strangers take for `pay.example.com`, and how to reach it. */
export type LnurlServer = Pick<LocalServer, 'calls' | 'fail' | 'port' | 'close'> & {
  readonly guard: Guard
  /** Every host that was looked up. */
  readonly lookedUp: string[]
  lie(lies: Lies): void
}

/**
 * Serves `/.well-known/lnurlp/<name>` and its callback (LUD-16, LUD-06, LUD-12): 1 to 100,000 satoshis, comments of 20
 * characters. Invoices are `makeInvoice`'s, or of a node of nobody's. Only `*.example.com` resolves, and only to here.
 */
export async function startLnurlServer(options: {
  now(): number
  makeInvoice?: (amountMsat: number) => Promise<string>
}): Promise<LnurlServer> {
  let lies: Lies = {}
  let made = 0
  const origin = () => `https://pay.example.com:${server.port}`
  const metadata = (name: string) =>
    JSON.stringify([
      ['text/plain', `Sats for ${name}`],
      ['text/identifier', `${name}@pay.example.com`],
    ])

  const invoiceFor = (name: string, amountMsat: number): Promise<string> | string => {
    if (options.makeInvoice !== undefined) return options.makeInvoice(amountMsat)
    const hash = (text: string) => createHash('sha256').update(text).digest('hex')
    const fields = {
      paymentHash: hash(`payment ${made++}`),
      paymentSecret: hash('secret'),
      amountMsat,
      description: '',
      descriptionHash: hash(metadata(name)),
      timestamp: options.now(),
      expirySeconds: 600,
    }
    return signInvoice({ ...fields, ...lies.fields }, outsider)
  }

  const handle = async ({ path, query }: Call): Promise<Reply> => {
    const [, name = ''] = /^\/\.well-known\/lnurlp\/([a-z0-9_.-]+)$/.exec(path) ?? []
    if (name !== '') {
      const terms = {
        tag: 'payRequest',
        callback: `${origin()}/callback?user=${name}`,
        minSendable: 1_000,
        maxSendable: 100_000_000,
        metadata: metadata(name),
        commentAllowed: 20,
      }
      if (name === 'alice' && lies.pay !== undefined) return lies.pay
      return { status: 200, json: { ...terms, ...lies.terms?.(origin()) } }
    }
    const user = query.get('user')
    if (path !== '/callback' || user === null) return { status: 404, text: 'not found' }
    if (lies.invoice !== undefined) return lies.invoice
    const amountMsat = Number(query.get('amount'))
    if (!Number.isSafeInteger(amountMsat)) return { status: 200, json: { status: 'ERROR', reason: 'no amount' } }
    return { status: 200, json: { pr: await invoiceFor(user, amountMsat), routes: [] } }
  }

  const kindOf = ({ path }: Call) => (path === '/callback' ? 'callback' : 'pay')
  const server = await startLocalServer({ kindOf, handle, tls: certificate })
  const lookedUp: string[] = []
  return {
    calls: server.calls,
    fail: server.fail,
    port: server.port,
    close: server.close,
    lookedUp,
    lie: told => {
      lies = told
    },
    guard: {
      authority: certificate.cert,
      isPublicAddress: address => !address.startsWith('127.') && address !== '::1',
      lookup: (hostname, { all }, answer) => {
        lookedUp.push(hostname)
        const found = [{ address: '127.0.0.1', family: 4 }]
        if (!hostname.endsWith('.example.com')) answer(new Error('not a public host'), '')
        else if (all) answer(null, found)
        else answer(null, '127.0.0.1', 4)
      },
    },
  }
}
