import { finalizeEvent, generateSecretKey, nip44 } from 'nostr-tools'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { WebSocketServer } from 'ws'
import { createNwcBackend } from '../../../../../src/adapters/lightning/nwc/backend.ts'
import { LightningUnavailable } from '../../../../../src/adapters/lightning/port.ts'
import { serveRelay } from '../../../../relay/serve-relay.ts'
import { never, requestOf } from '../invoice-request.ts'
import { type NwcFixture, openNwc } from './open-nwc.ts'

const nobodysHash = '00'.repeat(32)

describe('a wallet behind relays that may lie', () => {
  let fixture: NwcFixture
  afterEach(() => fixture.close())

  const open = async (options: Parameters<typeof openNwc>[0] = {}) => {
    fixture = await openNwc(options)
    return fixture
  }
  const relay = (index = 0) => {
    const found = fixture.relays[index]
    if (found === undefined) throw new Error('there is no such relay')
    return found
  }
  /** The wallet leaves the next question for the balance to the test. */
  const askBalance = async (signal = never) => {
    const { wallet, backend } = fixture
    const before = wallet.calls.length
    wallet.answer('get_balance', null)
    const answer = backend.balanceMsat(signal)
    // Whoever awaits it later must not be too late for its refusal.
    answer.catch(() => undefined)
    const call = await vi.waitFor(() => {
      const found = wallet.calls[before]
      if (found === undefined) throw new Error('not asked yet')
      return found
    })
    return { answer, id: call.event.id }
  }
  const balanceOf = (balance: number) => ({ result_type: 'get_balance', error: null, result: { balance } })
  const tagsOf = (id: string) => [
    ['p', fixture.wallet.clientPubkey],
    ['e', id],
  ]

  it('is asked as NIP-47 says', async () => {
    const { backend, wallet, now } = await open()
    await backend.balanceMsat(never)
    expect(wallet.calls).toMatchObject([{ method: 'get_balance', params: {} }])
    expect(wallet.calls[0]?.event).toMatchObject({
      kind: 23194,
      pubkey: wallet.clientPubkey,
      created_at: now(),
      tags: [
        ['p', wallet.walletPubkey],
        ['encryption', 'nip44_v2'],
        ['expiration', String(now() + 60)],
      ],
    })
    expect(relay().messages.find(([, name]) => name === 'nwc')).toEqual([
      'REQ',
      'nwc',
      { kinds: [23195], authors: [wallet.walletPubkey], '#p': [wallet.clientPubkey], limit: 1 },
      { kinds: [13194], authors: [wallet.walletPubkey], limit: 1 },
    ])
  })

  it('works on the relay of this project', async () => {
    const served = await serveRelay()
    const { backend, pay } = await open({ relayUrl: served.url })
    const created = await backend.createInvoice(requestOf(), never)
    const listening = backend.incoming(null, never)[Symbol.asyncIterator]()
    const next = listening.next()
    await pay(created.bolt11)
    expect((await next).value).toMatchObject({ paymentHash: created.paymentHash })
    await listening.return?.()
    await served.close()
  })

  it('is believed when it answers, and nobody else', async () => {
    const { wallet } = await open()
    const { answer, id } = await askBalance()
    const stranger = generateSecretKey()
    const key = nip44.getConversationKey(stranger, wallet.clientPubkey)
    const content = nip44.encrypt(JSON.stringify(balanceOf(1)), key)
    relay().deliver(finalizeEvent({ kind: 23195, created_at: 1, tags: tagsOf(id), content }, stranger))
    relay().deliver(wallet.sign(23195, balanceOf(2), tagsOf(nobodysHash)))
    relay().deliver(wallet.sign(23195, balanceOf(3), [['p', wallet.clientPubkey]]))
    relay().deliver(wallet.sign(23195, balanceOf(4), [['e', id]]))
    relay().deliver(wallet.sign(23197, balanceOf(5), tagsOf(id)))
    relay().say(JSON.stringify(['EVENT', 'other', wallet.sign(23195, balanceOf(6), tagsOf(id))]))
    relay().say(JSON.stringify(['EVENT', 'nwc', { nothing: 'like an event' }]))
    wallet.send(wallet.sign(23195, balanceOf(7_000), tagsOf(id)))
    expect(await answer).toBe(7_000)
  })

  it('is not believed when its signature is false, and the relay that passed it on is left', async () => {
    const { wallet } = await open({ relayCount: 2 })
    const { answer, id } = await askBalance()
    await vi.waitFor(() => expect(fixture.relays.map(one => one.connections())).toEqual([1, 1]))
    const true_ = wallet.sign(23195, balanceOf(7_000), tagsOf(id))
    // The same id: it must not be taken for a duplicate of the false one.
    relay(0).deliver({ ...true_, sig: '11'.repeat(64) })
    await vi.waitFor(() => expect(relay(0).connections()).toBe(0))
    relay(1).deliver(true_)
    expect(await answer).toBe(7_000)
  })

  it('answers over several relays once', async () => {
    const { backend, wallet } = await open({ relayCount: 3 })
    const amounts = await Promise.all([1, 2, 3].map(() => backend.balanceMsat(never)))
    expect(amounts).toEqual([0, 0, 0])
    expect(wallet.calls).toHaveLength(3)
    await vi.waitFor(() =>
      expect(fixture.relays.map(one => one.messages.filter(([verb]) => verb === 'EVENT').length)).toEqual(
        // Three requests, and what the wallet sends itself: its info and three answers.
        [7, 7, 7],
      ),
    )
  })

  it('answers although another relay is silent, and another is away', async () => {
    const { backend } = await open({ relayCount: 3 })
    relay(0).fallSilent()
    await relay(1).close()
    expect(await backend.balanceMsat(never)).toBe(0)
  })

  it('is not waited for longer than the signal says when the relay is silent', async () => {
    const { backend } = await open()
    relay().fallSilent()
    await expect(backend.balanceMsat(AbortSignal.timeout(20))).rejects.toThrow(LightningUnavailable)
  })

  it('is away when the relay never takes the subscription', async () => {
    const { backend } = await open({ backend: { pace: { subscribeMs: 20 } } })
    relay().fallSilent()
    await expect(backend.balanceMsat(never)).rejects.toThrow(LightningUnavailable)
  })

  it('is away when it does not answer for long, whatever the signal says', async () => {
    const { backend, wallet } = await open({ backend: { pace: { answerMs: 20 } } })
    wallet.answer('get_balance', null)
    await expect(backend.balanceMsat(never)).rejects.toThrow(LightningUnavailable)
  })

  it('is away when the relay takes no requests', async () => {
    const { backend, wallet } = await open()
    relay().refuse('blocked: not here')
    await expect(backend.balanceMsat(never)).rejects.toThrow(LightningUnavailable)
    relay().refuse(null)
    expect(await backend.balanceMsat(never)).toBe(0)
    expect(wallet.calls).toHaveLength(1)
  })

  it('is away when all relays are', async () => {
    const { backend } = await open()
    await relay().close()
    await expect(backend.balanceMsat(never)).rejects.toThrow(LightningUnavailable)
    await expect(backend.incoming(null, never)[Symbol.asyncIterator]().next()).rejects.toThrow(LightningUnavailable)
  })

  it('is found again after the connection broke, and what was asked has no answer', async () => {
    const { backend, wallet } = await open()
    const { answer } = await askBalance()
    relay().disconnect()
    await expect(answer).rejects.toThrow(LightningUnavailable)
    wallet.answer('get_balance', balanceOf(5))
    expect(await backend.balanceMsat(never)).toBe(5)
  })

  it('hears nothing of a stranger, although that is signed, and about itself or what was asked', async () => {
    await open()
    const { answer, id } = await askBalance()
    const stranger = generateSecretKey()
    const by = (kind: number, tags: string[][], content: string) =>
      finalizeEvent({ kind, created_at: fixture.now() + 5, tags, content }, stranger)
    // It offers no NIP-44: of the wallet itself that would be the end.
    const events = [by(13194, [], 'get_info'), by(23195, tagsOf(id), 'AgAA')]
    for (const event of events) relay().say(JSON.stringify(['EVENT', 'nwc', event]))
    const { wallet } = fixture
    wallet.send(wallet.sign(23195, balanceOf(5), tagsOf(id)))
    expect(await answer).toBe(5)
    wallet.answer('get_balance', balanceOf(6))
    expect(await fixture.backend.balanceMsat(never)).toBe(6)
  })

  it('says who asks when the relay wants to know (NIP-42)', async () => {
    const { backend, wallet, pay } = await open()
    relay().requireAuth()
    const { bolt11, paymentHash } = await backend.createInvoice(requestOf(), never)
    await pay(bolt11)
    for await (const payment of backend.incoming(null, never)) {
      expect(payment).toMatchObject({ paymentHash })
      break
    }
    const said = relay().messages.flatMap(([verb, event]) => (verb === 'AUTH' ? [event] : []))
    expect(said).toHaveLength(2)
    expect(said[0]).toMatchObject({ kind: 22242, pubkey: wallet.clientPubkey, content: '' })
  })

  it.each([
    ['no JSON', 'what?'],
    ['JSON of another kind', '{"EVENT":1}'],
    ['a message without end', JSON.stringify(['NOTICE', 'a'.repeat(200_000)])],
    ['the end of the subscription', '["CLOSED","nwc","error: I am tired"]'],
  ])('is asked anew when the relay says %s', async (_case, text) => {
    const { backend, wallet } = await open()
    const { answer } = await askBalance()
    relay().say(text)
    await expect(answer).rejects.toThrow(LightningUnavailable)
    wallet.answer('get_balance', balanceOf(5))
    expect(await backend.balanceMsat(never)).toBe(5)
  })

  it.each(['["NOTICE","hello"]', '[]', '["EOSE"]', '["OK"]', '["AUTH",7]', '["EVENT","nwc"]'])(
    'is not disturbed when the relay says %s',
    async text => {
      const { wallet } = await open()
      const { answer, id } = await askBalance()
      relay().say(text)
      wallet.send(wallet.sign(23195, balanceOf(5), tagsOf(id)))
      expect(await answer).toBe(5)
    },
  )

  it('is given up when the connection is dead: not even pings are answered', async () => {
    await open()
    // Takes the handshake and then nothing any more.
    const dead = new WebSocketServer({ port: 0, host: '127.0.0.1', autoPong: false })
    await new Promise(resolve => dead.once('listening', resolve))
    dead.on('connection', socket => socket.on('message', () => socket.send('["EOSE","nwc"]')))
    const { port } = dead.address() as { port: number }
    const uri = fixture.wallet.uri.replace(/relay=[^&]*/, `relay=ws://127.0.0.1:${port}`)
    const backend = createNwcBackend({ uri, now: fixture.now, pace: { pingMs: 30 } })
    await expect(backend.balanceMsat(never)).rejects.toThrow(LightningUnavailable)
    await backend.close()
    await new Promise(resolve => dead.close(resolve))
  })

  it('is reached only by addresses that may be connected to', async () => {
    const asked: string[] = []
    const connect = (url: string) => {
      asked.push(url)
      throw new Error(`${url} is private`)
    }
    const { backend } = await open({ backend: { connect } })
    await expect(backend.balanceMsat(never)).rejects.toThrow(/^no relay of the wallet takes the request$/)
    expect(asked).toEqual([relay().url])
  })

  describe('that offers', () => {
    const methods = ['get_balance']

    it.each([
      ['NIP-04 alone', 'nip04'],
      ['what is not said: NIP-04', null],
      ['an older version', 'nip44_v1 nip04'],
    ])('%s is asked nothing', async (_case, encryption) => {
      const { backend, wallet, now } = await open()
      wallet.publishInfo({ methods, encryption, createdAt: now() + 1 })
      await expect(backend.balanceMsat(never)).rejects.toThrow('the wallet offers only NIP-04')
      expect(wallet.calls).toEqual([])
    })

    it('NIP-44 by now is asked, although a relay shows what it said before', async () => {
      const { backend, wallet, now } = await open({ relayCount: 2 })
      wallet.publishInfo({ methods, encryption: null, createdAt: now() - 10 })
      wallet.publishInfo({ methods, encryption: 'nip44_v2', createdAt: now() + 10 })
      expect(await backend.balanceMsat(never)).toBe(0)
    })

    it('nothing that the relay knows of is asked, and says what it takes', async () => {
      const { backend, wallet } = await open()
      const answer = { error: { code: 'UNSUPPORTED_ENCRYPTION', message: 'what is this?' } }
      wallet.answer('get_balance', answer)
      await expect(backend.balanceMsat(never)).rejects.toThrow('UNSUPPORTED_ENCRYPTION')
    })

    it('NIP-04 in its answer is told so', async () => {
      const { wallet } = await open()
      const { answer, id } = await askBalance()
      const signed = wallet.signText(23195, `${Buffer.from('secret').toString('base64')}?iv=AAAA`, tagsOf(id))
      wallet.send(signed)
      await expect(answer).rejects.toThrow('the wallet answers in NIP-04')
    })
  })

  it('keeps its secrets out of every error', async () => {
    const { backend, wallet } = await open()
    const secret = new URL(wallet.uri).searchParams.get('secret') ?? ''
    const errors: unknown[] = []
    const keep = (error: unknown) => void errors.push(error)
    wallet.answer('get_balance', { result_type: 'get_balance', result: { balance: wallet.uri } })
    await backend.balanceMsat(never).catch(keep)
    wallet.answer('get_balance', { error: { code: wallet.uri, message: wallet.uri } })
    await backend.balanceMsat(never).catch(keep)
    await relay().close()
    await backend.balanceMsat(never).catch(keep)
    await backend.close()
    await backend.balanceMsat(never).catch(keep)
    try {
      createNwcBackend({ uri: `${wallet.uri}&relay=nowhere`, now: fixture.now })
    } catch (error) {
      keep(error)
    }
    expect(errors).toHaveLength(5)
    for (const error of errors) {
      const { message, stack, cause } = error as Error
      expect(JSON.stringify([message, stack, String(cause)])).not.toContain(secret)
    }
    expect(backend.name).toBe('nwc')
  })
})
