import { corsHeaders, type Reply } from './reply.ts'

/** The answer to a browser's preflight, and to a plain OPTIONS, for a path that takes these methods. */
export function preflight(allow: string): Reply {
  return {
    status: 204,
    headers: {
      ...corsHeaders,
      allow,
      'access-control-allow-methods': allow,
      'access-control-allow-headers': 'Accept, Authorization, Content-Type, If-None-Match',
      'access-control-max-age': '86400',
    },
    body: null,
  }
}
