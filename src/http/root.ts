import { isNamed, qualityOf } from './accept.ts'
import { type Landing, landingHeaders, landingPage } from './landing.ts'
import { corsHeaders, type Reply } from './reply.ts'

const documentType = 'application/nostr+json'

/** For so long what is on them may be out of date: they are for anyone to ask for, as often as they like. */
const keepMs = 1_000

/**
 * `GET /`: the relay information document for who asks for it (NIP-11), a page for browsers, which name HTML, and otherwise
 * one line that says what this is. Document and page are made at most once a second; `nowMs` is monotonic.
 */
export function createRoot(deps: {
  relayDocument(): object
  landing(): Landing
  nowMs(): number
}): (accept: string | undefined) => Reply {
  const kept = (make: () => Reply): (() => Reply) => {
    let last: { readonly reply: Reply; readonly atMs: number } | undefined
    return () => {
      const atMs = deps.nowMs()
      if (last === undefined || atMs - last.atMs >= keepMs) last = { reply: make(), atMs }
      return last.reply
    }
  }
  const document = kept(() => reply(JSON.stringify(deps.relayDocument()), { 'content-type': documentType }))
  const page = kept(() => reply(landingPage(deps.landing()), landingHeaders))
  return accept => {
    if (isNamed(accept, documentType) && qualityOf(accept, documentType) > 0) return document()
    const html = qualityOf(accept, 'text/html')
    if (isNamed(accept, 'text/html') && html > 0 && html >= qualityOf(accept, 'text/plain')) return page()
    return line
  }
}

function reply(body: string, about: Reply['headers']): Reply {
  const headers = {
    ...corsHeaders,
    // NIP-11 asks for all three on the document itself, not only on the preflight.
    'access-control-allow-headers': '*',
    'access-control-allow-methods': 'GET, HEAD, POST, OPTIONS',
    // One URL, several representations: a cache must not give one for the other.
    vary: 'Accept',
    ...about,
  }
  return { status: 200, headers, body }
}

const line = reply('A Panda name service and Nostr relay: connect with a websocket.\n', {
  'content-type': 'text/plain; charset=utf-8',
})
