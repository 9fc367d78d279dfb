import { describe, expect, it } from 'vitest'
import { informationDocument, supportedNips } from '../../relay/info.ts'
import { defaultLimits } from '../../relay/limits.ts'
import { parseEvent } from '../../relay/signatures/verify.ts'
import { author } from './authors.ts'

const identity = {
  name: 'Panda',
  description: 'names',
  publicKey: 'a'.repeat(64),
  contact: null,
  version: '1.2.3',
  restrictedWrites: false,
}

type Document = { supported_nips: number[]; limitation: Record<string, unknown>; [field: string]: unknown }
const documentOf = (...[more = {}, ...rest]: [object?, ...unknown[]]) =>
  informationDocument({ ...identity, ...more }, defaultLimits, ...(rest as [])) as Document

describe('the information document (NIP-11)', () => {
  it('has links where there are some, and nothing where there are none', () => {
    const links = {
      icon: 'https://a.example/icon.png',
      banner: null,
      postingPolicy: 'https://a.example/posting',
      privacyPolicy: null,
      termsOfService: 'https://a.example/terms',
    }
    const document = documentOf({ links, software: 'https://a.example/panda' })
    expect(document).toMatchObject({
      icon: 'https://a.example/icon.png',
      posting_policy: 'https://a.example/posting',
      terms_of_service: 'https://a.example/terms',
      software: 'https://a.example/panda',
    })
    for (const field of ['banner', 'privacy_policy', 'contact']) expect(document).not.toHaveProperty(field)
  })

  it('has its own key, and that of a person only where one is named', () => {
    expect(documentOf()).toMatchObject({ self: 'a'.repeat(64) })
    expect(documentOf()).not.toHaveProperty('pubkey')
    expect(documentOf({ adminKey: 'b'.repeat(64) })).toMatchObject({ pubkey: 'b'.repeat(64) })
  })

  it('promises no more content than an event may have', () => {
    const { max_content_length } = documentOf().limitation
    const sign = (length: number) => author(1).sign({ content: 'x'.repeat(length) })
    const limits = { ...defaultLimits, maxTags: 10, maxTagValueLength: 10 }
    expect(parseEvent(sign(Number(max_content_length)), limits).ok).toBe(true)
    expect(parseEvent(sign(Number(max_content_length) + 1), limits).ok).toBe(false)
  })

  it('names software by URL or not at all', () => {
    expect(documentOf()).not.toHaveProperty('software')
  })

  it('holds nothing that is null or missing', () => {
    expect(Object.values(documentOf()).filter(value => value === null || value === undefined)).toEqual([])
  })

  it('lists each NIP once, in order', () => {
    const { supported_nips } = documentOf()
    expect(supported_nips).toEqual([...new Set(supported_nips)].sort((a, b) => a - b))
    expect(supported_nips).toEqual(expect.arrayContaining([1, 9, 11, 40, 42, 70]))
    for (const nip of supported_nips) expect(supportedNips).toContain(nip)
  })

  it('lists private messages only where their kinds are for their parties', () => {
    const work = { minPowDifficulty: 0, asksForWork: false, restrictedWrites: false }
    expect(documentOf({}, work, new Set([4, 1059])).supported_nips).toEqual(expect.arrayContaining([4, 17, 59]))
    const open = documentOf({}, work, new Set()).supported_nips
    for (const nip of [4, 17, 59]) expect(open).not.toContain(nip)
  })

  it('lists work (NIP-13) when it is required', () => {
    const work = { minPowDifficulty: 20, asksForWork: true, restrictedWrites: true }
    const { supported_nips, limitation } = documentOf({}, work)
    expect(supported_nips).toContain(13)
    expect(limitation).toMatchObject({ min_pow_difficulty: 20, restricted_writes: true })
    expect(documentOf().supported_nips).not.toContain(13)
    expect(documentOf({}, { ...work, minPowDifficulty: 0 }).supported_nips).toContain(13)
  })

  it('promises nothing about stored events where none are stored', () => {
    const { supported_nips } = documentOf({ storesEvents: false })
    for (const nip of [2, 4, 9, 17, 28, 59, 65, 70]) expect(supported_nips).not.toContain(nip)
    expect(supported_nips).toEqual(expect.arrayContaining([1, 11, 42]))
  })
})
