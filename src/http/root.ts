import { isNamed, qualityOf } from './accept.ts'
import { type Landing, landingHeaders, landingPage } from './landing.ts'
import { corsHeaders, type Reply } from './reply.ts'

const documentType = 'application/nostr+json'

/**
 * `GET /`: the relay information document for who asks for it (NIP-11), a page for browsers, which name HTML, and otherwise
 * one line that says what this is.
 */
export function rootReply(accept: string | undefined, deps: { relayDocument(): object; landing(): Landing }): Reply {
  if (isNamed(accept, documentType) && qualityOf(accept, documentType) > 0) {
    return reply(JSON.stringify(deps.relayDocument()), { 'content-type': documentType })
  }
  const html = qualityOf(accept, 'text/html')
  if (isNamed(accept, 'text/html') && html > 0 && html >= qualityOf(accept, 'text/plain')) {
    return reply(landingPage(deps.landing()), landingHeaders)
  }
  return reply('A Panda name service and Nostr relay: connect with a websocket.\n', {
    'content-type': 'text/plain; charset=utf-8',
  })
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
