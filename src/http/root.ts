import { corsHeaders, type Reply } from './reply.ts'

const documentType = 'application/nostr+json'

/** `GET /`: the relay information document for who asks for it (NIP-11), otherwise one line that says what this is. */
export function rootReply(accept: string | undefined, relayDocument: () => object): Reply {
  return accept?.toLowerCase().includes(documentType)
    ? reply(JSON.stringify(relayDocument()), documentType)
    : reply('A Panda name service and Nostr relay: connect with a websocket.\n', 'text/plain; charset=utf-8')
}

function reply(body: string, contentType: string): Reply {
  const headers = {
    ...corsHeaders,
    // NIP-11 asks for all three on the document itself, not only on the preflight.
    'access-control-allow-headers': '*',
    'access-control-allow-methods': 'GET, HEAD, OPTIONS',
    'content-type': contentType,
    // One URL, two representations: a cache must not give one for the other.
    vary: 'Accept',
  }
  return { status: 200, headers, body }
}
