import { afterEach, describe, expect, it } from 'vitest'
import { openHost } from '../../../relay/open-host.ts'
import type { Policy } from '../../../relay/policies/policy.ts'
import type { PolicyProgram, Verdict } from '../../../relay/policies/program.ts'
import { author } from '../authors.ts'
import { type Served, serveRelay } from '../serve-relay.ts'
import { answering, startProgram } from './programs.ts'

const alice = author(1)

let served: Served
let expectedErrors: unknown[] = []
afterEach(async () => {
  expect(served.errors).toEqual(expectedErrors)
  expectedErrors = []
  await served.close()
})

/** A program that answers when the test says so. */
function programByHand() {
  const asked: { id: string; answer: (verdict: Verdict) => void }[] = []
  const program: PolicyProgram = {
    ask: ({ id }, _origin, answer) => void asked.push({ id, answer }),
    state: () => ({ isUp: true, waiting: asked.length, timeouts: 0, restarts: 0 }),
    close: async () => {},
  }
  const until = async (count: number) => {
    while (asked.length < count) await new Promise(resolve => setTimeout(resolve, 1))
  }
  return { asked, program, until }
}

describe('a relay with a policy', () => {
  const policy: Policy = event => (event.content === 'no' ? 'blocked: no' : null)

  it('refuses what it has something against, ephemeral events too, and takes the rest', async () => {
    served = await serveRelay({ policy })
    const client = await served.connect()
    expect(await client.publish(alice.sign({ content: 'no' }))).toEqual([false, 'blocked: no'])
    expect(await client.publish(alice.sign({ content: 'no', kind: 20_001 }))).toEqual([false, 'blocked: no'])
    const fine = alice.sign({ content: 'yes' })
    expect(await client.publish(fine)).toEqual([true, ''])
    expect(await client.publish(alice.sign({ content: 'yes', kind: 20_001 }))).toEqual([true, ''])
    expect(await client.query({})).toEqual([fine])
  })

  it('asks it once, after everything that is wrong with the event itself', async () => {
    const seen: string[] = []
    served = await serveRelay({
      policy: event => {
        seen.push(event.content)
        return null
      },
    })
    const client = await served.connect()
    const wrong = { ...alice.sign({ content: 'wrong' }), sig: '0'.repeat(128) }
    expect(await client.publish(wrong)).toEqual([false, 'invalid: the signature is not of this author'])
    const old = alice.sign({ content: 'old', created_at: 1 })
    expect(await client.publish(old)).toEqual([false, 'invalid: created_at is too long ago'])
    const event = alice.sign({ content: 'good' })
    await client.publish(event)
    expect(await client.publish(event)).toEqual([true, 'duplicate: this event is here already'])
    expect(seen).toEqual(['good'])
  })

  it('sends the challenge when it asks for authentication', async () => {
    served = await serveRelay({ policy: () => 'auth-required: who are you' })
    const client = await served.connect()
    client.send('EVENT', alice.sign())
    expect((await client.next())[0]).toBe('AUTH')
    expect((await client.next()).slice(2)).toEqual([false, 'auth-required: who are you'])
  })

  it('has no say in what is the application’s', async () => {
    served = await serveRelay({
      policy: () => 'blocked: nothing',
      host: { ...openHost, admit: event => (event.kind === 7 ? { kind: 'answer', deliver: [] } : { kind: 'store' }) },
    })
    const client = await served.connect()
    expect(await client.publish(alice.sign({ kind: 7 }))).toEqual([true, ''])
    expect(await client.publish(alice.sign())).toEqual([false, 'blocked: nothing'])
  })

  it('answers when it fails', async () => {
    const fault = new Error('a bug')
    served = await serveRelay({
      policy: () => {
        throw fault
      },
    })
    const client = await served.connect()
    expect(await client.publish(alice.sign())).toEqual([false, 'error: the relay failed at this event'])
    expectedErrors = [fault]
  })
})

describe('a relay with a policy program', () => {
  it('keeps what it accepts, answers what it rejects, and hides that it rejects', async () => {
    const program = startProgram(answering(`say({ id, action: event.content, msg: 'blocked: no' })`))
    served = await serveRelay({ program })
    const [client, subscriber] = [await served.connect(), await served.connect()]
    subscriber.send('REQ', 'live', {})
    expect((await subscriber.next())[0]).toBe('EOSE')
    const [good, bad, hidden] = ['accept', 'reject', 'shadowReject'].map(content => alice.sign({ content }))
    const [goodLive, badLive, hiddenLive] = ['accept', 'reject', 'shadowReject'].map(content =>
      alice.sign({ content, kind: 20_001 }),
    )
    if (!good || !bad || !hidden || !goodLive || !badLive || !hiddenLive) throw new Error('there are six events')
    expect(await client.publish(hidden)).toEqual([true, ''])
    expect(await client.publish(hiddenLive)).toEqual([true, ''])
    expect(await client.publish(bad)).toEqual([false, 'blocked: no'])
    expect(await client.publish(badLive)).toEqual([false, 'blocked: no'])
    expect(await client.publish(good)).toEqual([true, ''])
    expect(await client.publish(goodLive)).toEqual([true, ''])
    expect(await client.query({})).toEqual([good])
    expect([await subscriber.next(), await subscriber.next()]).toEqual([
      ['EVENT', 'live', good],
      ['EVENT', 'live', goodLive],
    ])
    expect(subscriber.unread).toEqual([])
    expect(served.metrics.policyRefusals.program).toBe(2)
    expect(served.metrics.events.shadowed).toBe(2)
    await program.close()
  })

  it('asks it only about what the other policies take', async () => {
    const { asked, program } = programByHand()
    served = await serveRelay({ policy: () => 'blocked: no', program })
    const client = await served.connect()
    expect(await client.publish(alice.sign())).toEqual([false, 'blocked: no'])
    expect(asked).toEqual([])
  })

  it('goes on with other events while one waits', async () => {
    const { asked, program, until } = programByHand()
    served = await serveRelay({ program })
    const [slow, quick] = [await served.connect(), await served.connect()]
    const event = alice.sign({ content: 'slow' })
    const waits = slow.publish(event)
    await until(1)
    const other = quick.publish(alice.sign({ content: 'quick' }))
    await until(2)
    asked[1]?.answer({ action: 'accept' })
    expect(await other).toEqual([true, ''])
    expect(slow.unread).toEqual([])
    asked[0]?.answer({ action: 'accept' })
    expect(await waits).toEqual([true, ''])
    expect(await quick.query({})).toHaveLength(2)
  })

  it.each<[Verdict, unknown[], unknown[]]>([
    [{ action: 'accept' }, [true, ''], [true, 'duplicate: this event is here already']],
    [{ action: 'shadow' }, [true, ''], [true, 'duplicate: this event is here already']],
    [{ action: 'refuse', message: 'blocked: no' }, [false, 'blocked: no'], [false, 'blocked: no']],
  ])('has the same event wait for the answer: %o', async (verdict, first, later) => {
    const { asked, program, until } = programByHand()
    served = await serveRelay({ program })
    const clients = await Promise.all([served.connect(), served.connect(), served.connect()])
    const event = alice.sign()
    const [one, ...others] = clients.map(client => client.publish(event))
    await until(1)
    await new Promise(resolve => setTimeout(resolve, 50))
    expect(asked).toHaveLength(1)
    asked[0]?.answer(verdict)
    expect(await one).toEqual(first)
    for (const other of others) expect(await other).toEqual(later)
    expect(served.metrics.events.stored).toBe(verdict.action === 'accept' ? 1 : 0)
  })

  it('asks again about an event that was refused', async () => {
    const { asked, program, until } = programByHand()
    served = await serveRelay({ program })
    const client = await served.connect()
    const event = alice.sign()
    for (const [action, outcome] of [
      ['refuse', [false, 'error: x']],
      ['accept', [true, '']],
    ] as const) {
      const published = client.publish(event)
      await until(1)
      asked.pop()?.answer({ action, message: 'error: x' })
      expect(await published).toEqual(outcome)
    }
  })

  it('counts what waits for it among the bytes that may wait', async () => {
    const { asked, program, until } = programByHand()
    served = await serveRelay({ program, limits: { maxPendingBytes: 10_000 } })
    const [client, other] = [await served.connect(), await served.connect('192.0.2.2')]
    const content = 'x'.repeat(2_000)
    client.send('EVENT', alice.sign({ content, kind: 1 }))
    client.send('EVENT', alice.sign({ content, kind: 20_001 }))
    await until(2)
    expect(served.metrics.pendingBytes).toBeGreaterThan(4_000)
    const third = alice.sign({ content, kind: 2 })
    const tooBusy = [false, 'rate-limited: the relay is too busy now, try again later']
    expect(await client.publish(third)).toEqual(tooBusy)
    // Of another address, which has its share.
    const others = other.publish(alice.sign({ content, kind: 3 }))
    await until(3)
    for (const { answer } of asked) answer({ action: 'shadow' })
    expect(await others).toEqual([true, ''])
    await client.next()
    await client.next()
    expect(served.metrics.pendingBytes).toBe(0)
    client.send('EVENT', third)
    await until(4)
    asked[3]?.answer({ action: 'accept' })
    expect((await client.next()).slice(2)).toEqual([true, ''])
    expect(served.metrics.pendingBytes).toBe(0)
  })

  it('refuses everything while the program is down, and reads go on', async () => {
    const program = startProgram('process.exit(1)')
    await program.noted('ended')
    served = await serveRelay({ program })
    const client = await served.connect()
    const message = 'error: the policy program of this relay does not run now, try again later'
    expect(await client.publish(alice.sign())).toEqual([false, message])
    expect(await client.query({})).toEqual([])
    await program.close()
  })
})
