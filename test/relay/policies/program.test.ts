import { describe, expect, it } from 'vitest'
import type { Origin } from '../../../relay/host.ts'
import type { Verdict } from '../../../relay/policies/program.ts'
import { eventOf, originOf, otherKey, someKey } from './events.ts'
import { answering, idOf, keepPrograms, type TestProgram } from './programs.ts'

const start = keepPrograms()

const downMessage = 'error: the policy program of this relay does not run now, try again later'
const refused = (message: string): Verdict => ({ action: 'refuse', message })

describe('a policy program', () => {
  it.each<[string, Verdict]>([
    [`say({ id, action: 'accept' })`, { action: 'accept' }],
    [`say({ id, action: 'accept', msg: 'ignored' })`, { action: 'accept' }],
    [`say({ id, action: 'shadowReject', msg: 'ignored' })`, { action: 'shadow' }],
    [`say({ id, action: 'reject', msg: 'blocked: no' })`, refused('blocked: no')],
    [`say({ id, action: 'reject', msg: 'auth-required: who are you' })`, refused('auth-required: who are you')],
    [`say({ id, action: 'reject', msg: 'no' })`, refused('blocked: no')],
    [`say({ id, action: 'reject', msg: 'because: no' })`, refused('blocked: because: no')],
    [`say({ id, action: 'reject' })`, refused('blocked: the policy of this relay refuses this event')],
    [`say({ id, action: 'reject', msg: 7 })`, refused('blocked: the policy of this relay refuses this event')],
    [`say({ id, action: 'reject', msg: 'x'.repeat(5000) })`, refused(`blocked: ${'x'.repeat(500)}`)],
    [`say({ id })`, refused('error: the policy program of this relay failed at this event')],
    [`say({ id, action: 'constructor' })`, refused('error: the policy program of this relay failed at this event')],
  ])('that does %s has its way', async (answer, verdict) => {
    expect(await start(answering(answer)).verdict('a')).toEqual(verdict)
  })

  it.each<[Partial<Origin>, object]>([
    [{ ip: '192.0.2.1' }, { sourceType: 'IP4', sourceInfo: '192.0.2.1' }],
    [{ ip: '::ffff:192.0.2.1' }, { sourceType: 'IP4', sourceInfo: '192.0.2.1' }],
    [{ ip: '2001:db8::1' }, { sourceType: 'IP6', sourceInfo: '2001:db8::1' }],
    [
      { source: 'import', ip: '' },
      { sourceType: 'Import', sourceInfo: '' },
    ],
    [
      { source: 'sync', ip: 'wss://a.example/' },
      { sourceType: 'Sync', sourceInfo: 'wss://a.example/' },
    ],
    [
      { source: 'bridge', ip: 'wss://a.example/' },
      { sourceType: 'Stream', sourceInfo: 'wss://a.example/' },
    ],
    [{ authenticated: new Set([otherKey]) }, { sourceType: 'IP4', sourceInfo: '192.0.2.1', authed: otherKey }],
    [{ authenticated: new Set([otherKey, someKey]) }, { sourceType: 'IP4', sourceInfo: '192.0.2.1', authed: someKey }],
  ])('is told what strfry tells: %o', async (parts, source) => {
    const program = start(
      answering(`
        const { content, ...rest } = event
        const msg = JSON.stringify({ ...question, content, fields: Object.keys(rest).join() })
        say({ id, action: 'reject', msg: 'error: ' + msg })`),
    )
    const event = eventOf({ content: 'a\nb\u2028' })
    const verdict = await new Promise<Verdict>(resolve => void program.ask(event, originOf(parts), resolve))
    const said = verdict.action === 'refuse' ? verdict.message.replace('error: ', '') : ''
    expect(JSON.parse(said)).toEqual({
      type: 'new',
      receivedAt: 1_790_000_000,
      content: 'a\nb\u2028',
      fields: 'id,pubkey,created_at,kind,tags,sig',
      ...source,
    })
  })

  it('may answer in any order, and about one while another waits', async () => {
    const program = start(
      answering(`
        if (event.content === 'slow') setTimeout(() => say({ id, action: 'reject', msg: 'blocked: at last' }), 200)
        else say({ id, action: 'accept' })`),
    )
    const order: string[] = []
    const ask = async (name: string) => {
      const verdict = await program.verdict(name)
      order.push(name)
      return verdict
    }
    const verdicts = await Promise.all([ask('slow'), ask('quick'), ask('other')])
    expect(verdicts).toEqual([refused('blocked: at last'), { action: 'accept' }, { action: 'accept' }])
    expect(order).toEqual(['quick', 'other', 'slow'])
  })

  it('is not believed when it answers what was not asked, twice, or nonsense', async () => {
    const program = start(
      answering(`
        process.stdout.write('garbage\\n[]\\nnull\\n7\\n{"id":\\n{}\\n\\n\\xff\\n')
        say({ id: 'f'.repeat(64), action: 'accept' })
        say({ id: '__proto__', action: 'accept' })
        process.stdout.write(JSON.stringify({ id, action: 'accept', long: 'x'.repeat(9000) }) + '\\n')
        process.stdout.write('{"id":"' + id + '","act')
        setTimeout(() => process.stdout.write('ion":"reject","msg":"blocked: said in two parts"}\\n'), 20)
        setTimeout(() => say({ id, action: 'accept' }), 25)`),
    )
    expect(await program.verdict('a')).toEqual(refused('blocked: said in two parts'))
    expect(program.state().waiting).toBe(0)
  })

  it('that writes without an end of line fills no memory', async () => {
    const program = start(
      answering(`
        if (event.content === 'flood') for (let i = 0; i < 2560; i++) process.stdout.write('x'.repeat(65536))
        process.stdout.write('\\n')
        say({ id, action: 'accept' })`),
    )
    await program.verdict('warm')
    const before = process.memoryUsage.rss()
    expect(await program.verdict('flood')).toEqual({ action: 'accept' })
    // Of 160 MiB; what the collector has not come to yet is tens of them.
    expect(process.memoryUsage.rss() - before).toBeLessThan(80 * 1024 ** 2)
  })
})

describe('a policy program that ends', () => {
  it('has what waits and what comes refused, and is started again', async () => {
    const program = start(
      answering(
        `if (event.content === 'die') process.exit(3); else if (event.content !== 'wait') say({ id, action: 'accept' })`,
      ),
    )
    expect(await program.verdict('well')).toEqual({ action: 'accept' })
    const [waits, dies] = await Promise.all([program.verdict('wait'), program.verdict('die')])
    expect([waits, dies]).toEqual([refused(downMessage), refused(downMessage)])
    expect(await program.verdict('next')).toEqual(refused(downMessage))
    await program.noted('started', 2)
    expect(await untilUp(program, 'well')).toEqual({ action: 'accept' })
    expect(program.notes).toContainEqual({ what: 'ended', reason: 'it ended with code 3', restartInMs: 20 })
  })

  it('is heard to its last word, which may come from a program that it has started', async () => {
    const program = start(
      answering(`
        const answer = JSON.stringify({ id, action: 'accept' })
        const stdio = ['ignore', 'inherit', 'ignore']
        require('node:child_process').spawn('sh', ['-c', "sleep 0.05; echo '" + answer + "'"], { stdio })
        process.exit(1)`),
    )
    expect(await program.verdict('a')).toEqual({ action: 'accept' })
  })

  it('is started again though a program that it has started lives on', async () => {
    const program = start(
      answering(`
        require('node:child_process').spawn('sleep', ['8'], { stdio: ['ignore', 'inherit', 'inherit'] })
        process.exit(1)`),
    )
    const begunMs = performance.now()
    expect(await program.verdict('a')).toEqual(refused(downMessage))
    await program.noted('started', 2)
    expect(performance.now() - begunMs).toBeLessThan(4_000)
  })

  it('at once is started at longer and longer intervals', async () => {
    const program = start('process.exit(1)')
    await program.noted('ended', 5)
    const pauses = program.notes.flatMap(note => (note.what === 'ended' ? [note.restartInMs] : []))
    expect(pauses.slice(0, 5)).toEqual([20, 40, 80, 80, 80])
    expect(await program.verdict('a')).toEqual(refused(downMessage))
  })

  it('when it has answered is started soon', async () => {
    const program = start(answering(`say({ id, action: 'accept' }); setTimeout(() => process.exit(1), 10)`))
    for (let round = 1; round <= 3; round++) {
      await program.noted('started', round)
      await untilUp(program, 'a')
      await program.noted('ended', round)
    }
    const pauses = program.notes.flatMap(note => (note.what === 'ended' ? [note.restartInMs] : []))
    expect(pauses).toEqual([20, 20, 20])
  })

  it.each([['/nonexistent/policy'], ['/etc/passwd'], ['a\0b']])(
    'before it began (%j) refuses everything',
    async file => {
      const program = start('', { command: [file] })
      expect(await program.verdict('a')).toEqual(refused(downMessage))
      await program.noted('ended', 2)
      expect(await program.verdict('a')).toEqual(refused(downMessage))
    },
  )

  it('only its input is ended', async () => {
    const program = start(`require('node:fs').closeSync(0); console.error('closed'); setInterval(() => {}, 1000)`)
    await program.noted('says')
    expect(await program.verdict('a')).toEqual(refused(downMessage))
    await program.noted('ended')
  })
})

describe('the end of the relay', () => {
  it('ends the program and refuses what waits', async () => {
    const program = start(answering(''))
    await program.noted('started')
    const waits = program.verdict('a')
    await program.close()
    expect(await waits).toEqual(refused(downMessage))
    expect(await program.verdict('b')).toEqual(refused(downMessage))
    const [note] = program.notes
    const pid = note?.what === 'started' ? (note.pid ?? 0) : 0
    expect(pid).toBeGreaterThan(0)
    expect(() => process.kill(pid, 0)).toThrow('ESRCH')
  })

  it('while the program is down starts it no more', async () => {
    const program = start('process.exit(1)')
    await program.noted('ended')
    await program.close()
    const { length } = program.notes
    await new Promise(resolve => setTimeout(resolve, 100))
    expect(program.notes).toHaveLength(length)
  })
})

describe('what a policy program says on standard error', () => {
  it('is noted, each line cut, and not all of a flood', async () => {
    const program = start(
      answering(
        `say({ id, action: 'accept' })`,
        `console.error('hello'); console.error('y'.repeat(100000)); for (let i = 0; i < 10000; i++) console.error('flood')`,
      ),
    )
    expect(await program.verdict('a')).toEqual({ action: 'accept' })
    const lines = program.notes.flatMap(note => (note.what === 'says' ? [note.line] : []))
    expect(lines.slice(0, 3)).toEqual(['hello', 'y'.repeat(500), 'flood'])
    expect(lines.length).toBeLessThan(100)
  })
})

describe('a fault in what follows an answer', () => {
  it('is noted and harms no other event', async () => {
    const program = start(answering(`say({ id, action: 'accept' })`))
    const fault = new Error('a bug')
    program.ask(eventOf({ id: idOf('bug') }), originOf(), () => {
      throw fault
    })
    expect(await program.verdict('a')).toEqual({ action: 'accept' })
    expect(program.notes).toContainEqual({ what: 'failed', error: fault })
  })
})

/** Asks until the program is up again. */
async function untilUp(program: TestProgram, name: string): Promise<Verdict> {
  for (;;) {
    const verdict = await program.verdict(name)
    if (verdict.action !== 'refuse') return verdict
    await new Promise(resolve => setTimeout(resolve, 5))
  }
}
