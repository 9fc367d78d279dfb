import { createHash } from 'node:crypto'
import { nip19 } from 'nostr-tools'
import { formatFiat } from '../protocol/currency.ts'
import type { Reply } from './reply.ts'

/** What the page says: nothing of the request is on it. */
export type Landing = {
  /** The relay information document (NIP-11). */
  readonly document: object
  readonly urls: { readonly http: string; readonly websocket: string }
  readonly domains: readonly {
    readonly name: string
    readonly basePriceMsat: number
    readonly pricePerCharMsat: number
    readonly open: boolean
    /** Prices in minor units of a currency, instead of those in millisatoshi. */
    readonly fiat: { readonly currency: string; readonly baseMinor: number; readonly perCharMinor: number } | null
  }[]
}

const style = `:root{color-scheme:light dark}
body{font:1rem/1.5 system-ui,sans-serif;max-width:44rem;margin:2rem auto;padding:0 1rem;background:#fff;color:#1c1c1c}
code,pre{font-family:ui-monospace,monospace;font-size:.9em;overflow-wrap:anywhere}
pre{padding:.75rem;background:#f2f2f2;white-space:pre-wrap}
table{border-collapse:collapse}
th,td{padding:.15rem 1rem .15rem 0;text-align:left;vertical-align:top;overflow-wrap:anywhere}
a{color:#0645ad}
@media (prefers-color-scheme:dark){body{background:#161616;color:#e4e4e4}pre{background:#262626}a{color:#8ab4f8}}
`

/** The page's own style and nothing else: no scripts, no frames, nothing from elsewhere. */
const policy = [
  "default-src 'none'",
  `style-src 'sha256-${createHash('sha256').update(style).digest('base64')}'`,
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join('; ')

/** What goes with the page beside its body. */
export const landingHeaders: Reply['headers'] = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy': policy,
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
}

/** The page for people who come by browser: what this is, how to connect, how to get a name. */
export function landingPage({ document, urls, domains }: Landing): string {
  const {
    name = 'Relay',
    description = '',
    self,
    pubkey,
    contact,
    supported_nips,
    version,
    limitation,
    ...rest
  } = document as {
    readonly [field: string]: unknown
  }
  const open = domains.filter(domain => domain.open)
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${toHtml(name)}</title>
<style>${style}</style>
</head>
<body>
<h1>${toHtml(name)}</h1>
<p>${toHtml(description)}</p>
<p>This is a Nostr relay and a Panda name service. Use it with a Nostr client:</p>
<table>
${rows([
  ['Relay', `<code>${toHtml(urls.websocket)}</code>`],
  ['HTTP', `<code>${toHtml(urls.http)}</code>`],
  ['Key', `<code>${toHtml(npub(self))}</code>`],
  ['Operator', pubkey === undefined ? '' : `<code>${toHtml(npub(pubkey))}</code>`],
  ['Contact', contact === undefined ? '' : link(contact)],
  ['Posting policy', rest.posting_policy === undefined ? '' : link(rest.posting_policy)],
  ['Privacy policy', rest.privacy_policy === undefined ? '' : link(rest.privacy_policy)],
  ['Terms of service', rest.terms_of_service === undefined ? '' : link(rest.terms_of_service)],
  ['NIPs', Array.isArray(supported_nips) ? toHtml(supported_nips.join(', ')) : ''],
  ['Version', version === undefined ? '' : toHtml(version)],
])}
</table>
${namesSection(open, urls.http)}<h2>Limits</h2>
<table>
${rows(Object.entries(limitation ?? {}).map(([limit, value]) => [limit.replaceAll('_', ' '), toHtml(value)]))}
</table>
</body>
</html>
`
}

function namesSection(open: Landing['domains'], httpUrl: string): string {
  const [first] = open
  if (first === undefined) return ''
  const params = JSON.stringify({ identifier: `alice@${first.name}`, years: 1 })
  return `<h2>Get a name</h2>
<p>A name such as <code>alice@${toHtml(first.name)}</code> is a Nostr identity (NIP-05). It is bought with a signed command, to
this relay or by HTTP, and paid by Lightning. With the <code>panda</code> program:</p>
<pre>panda send identifier.register ${toHtml(quote(params))} --url ${toHtml(quote(httpUrl))}</pre>
<p>What can be asked for is listed at <a href="/v1/methods">/v1/methods</a>. A year costs:</p>
<table>
<tr><th scope="col">Domain</th><th scope="col">Price in sats</th></tr>
${open.map(domain => `<tr><td>${toHtml(domain.name)}</td><td>${toHtml(priceOf(domain))}</td></tr>`).join('\n')}
</table>
`
}

function priceOf({ basePriceMsat, pricePerCharMsat, fiat }: Landing['domains'][number]): string {
  const sats = (msat: number) => String(msat / 1_000)
  if (fiat !== null) {
    const { currency, baseMinor, perCharMinor } = fiat
    const base = formatFiat({ currency, amountMinor: baseMinor })
    if (perCharMinor === 0) return base
    return `${base} and ${formatFiat({ currency, amountMinor: perCharMinor })} for each character`
  }
  if (pricePerCharMsat === 0) return basePriceMsat === 0 ? 'nothing' : sats(basePriceMsat)
  return `${sats(basePriceMsat)} and ${sats(pricePerCharMsat)} for each character`
}

/** Rows with a value, which is HTML already. */
function rows(pairs: readonly (readonly [head: string, html: string])[]): string {
  return pairs
    .filter(([, html]) => html !== '')
    .map(([head, html]) => `<tr><th scope="row">${toHtml(head)}</th><td>${html}</td></tr>`)
    .join('\n')
}

/** A link when it is one that a browser may follow; else text, since `javascript:` is a URL too. */
function link(value: unknown): string {
  const text = String(value)
  const isLink = /^(https?|mailto|nostr):/i.test(text) && URL.canParse(text)
  return isLink ? `<a href="${toHtml(text)}" rel="nofollow noopener noreferrer">${toHtml(text)}</a>` : toHtml(text)
}

function npub(publicKey: unknown): string {
  return typeof publicKey === 'string' && /^[0-9a-f]{64}$/.test(publicKey) ? nip19.npubEncode(publicKey) : ''
}

/** A word for the shell. */
function quote(text: string): string {
  return /^[\w./:-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}

/** Text as HTML, in an attribute too. */
function toHtml(value: unknown): string {
  return String(value).replace(/[&<>"']/g, character => `&#${character.charCodeAt(0)};`)
}
