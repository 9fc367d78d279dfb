import { X509Certificate } from 'node:crypto'
import type { HttpTarget } from './http-client.ts'

/**
 * A node that is known by its own certificate, in PEM; without one, what the system trusts. Throws
 * when the URL or certificate cannot be one, and when a certificate is given for a connection without TLS.
 */
export function nodeTarget(
  name: string,
  { url: text, certificate }: { readonly url: string; readonly certificate?: string },
  headers: Readonly<Record<string, string>>,
): HttpTarget {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url === null || !/^https?:$/.test(url.protocol)) throw new Error(`the URL of ${name} is not one of HTTP`)
  if (url.username !== '' || url.password !== '') throw new Error(`the URL of ${name} must not name a user`)
  if (certificate === undefined) return { url, headers }
  if (url.protocol !== 'https:') throw new Error(`a certificate of ${name} needs an URL of HTTPS`)
  if (!isCertificate(certificate)) throw new Error(`the certificate of ${name} is not one in PEM`)
  return { url, headers, certificate }
}

function isCertificate(pem: string): boolean {
  try {
    return new X509Certificate(pem).fingerprint256 !== ''
  } catch {
    // That is how the class says that it is none.
    return false
  }
}
