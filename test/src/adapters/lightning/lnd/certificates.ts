import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto'

/** A certificate with its key, PEM both. */
export type Certificate = { readonly cert: string; readonly key: string; readonly name: string; readonly keys: Keys }

type Keys = { readonly privateKey: KeyObject; readonly publicKey: KeyObject }

const tags = { integer: 0x02, bits: 0x03, octets: 0x04, oid: 0x06, text: 0x0c, sequence: 0x30, set: 0x31, time: 0x18 }

/**
 * A throwaway certificate as LND makes its own: ECDSA, an authority of itself (RFC 5280). Signed by another one if that is
 * given, as by an authority.
 */
export function makeCertificate(name: string, signer?: Certificate): Certificate {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const algorithm = sequence(oid('2a8648ce3d040302'))
  const isAuthority = sequence(oid('551d13'), value(0x01, [0xff]), value(tags.octets, sequence(value(0x01, [0xff]))))
  const content = sequence(
    value(0xa0, value(tags.integer, [2])),
    value(tags.integer, [signer === undefined ? 1 : 2]),
    algorithm,
    nameOf(signer?.name ?? name),
    sequence(time('20200101000000Z'), time('21200101000000Z')),
    nameOf(name),
    keys.publicKey.export({ type: 'spki', format: 'der' }),
    value(0xa3, sequence(isAuthority)),
  )
  const signature = sign('sha256', content, signer?.keys.privateKey ?? keys.privateKey)
  const certificate = sequence(content, algorithm, value(tags.bits, Buffer.concat([Buffer.of(0), signature])))
  const lines = certificate.toString('base64').replace(/.{64}/g, '$&\n')
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`,
    key: keys.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    name,
    keys,
  }
}

/** A value in DER (X.690): tag, length, content. */
function value(tag: number, content: Uint8Array | readonly number[]): Buffer {
  const bytes = Buffer.from(content)
  const length = bytes.length < 0x80 ? [bytes.length] : [0x82, bytes.length >> 8, bytes.length & 0xff]
  return Buffer.concat([Buffer.of(tag, ...length), bytes])
}

function sequence(...parts: readonly Uint8Array[]): Buffer {
  return value(tags.sequence, Buffer.concat(parts))
}

function oid(hex: string): Buffer {
  return value(tags.oid, Buffer.from(hex, 'hex'))
}

function time(text: string): Buffer {
  return value(tags.time, Buffer.from(text))
}

function nameOf(commonName: string): Buffer {
  return sequence(value(tags.set, sequence(oid('550403'), value(tags.text, Buffer.from(commonName)))))
}
