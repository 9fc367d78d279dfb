import { chmodSync, closeSync, existsSync, fsyncSync, linkSync, mkdtempSync, openSync, rmSync, statSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import type { Config } from '../config.ts'
import { readHead } from '../store/log.ts'
import { type CommandLine, exitCodes } from './command-line.ts'
import { messageOf } from './failure.ts'
import { readArguments } from './relay-arguments.ts'
import { openForReading } from './relay-read.ts'

/** `panda relay compact FILE`: writes a copy of the data file without its free pages, and says how to use it. */
export async function relayCompact(args: readonly string[], config: Config, line: CommandLine): Promise<number> {
  const parsed = readArguments(args, {})
  const [file, ...more] = parsed?.positionals ?? []
  if (parsed === null || file === undefined || more.length > 0) {
    line.complain('panda: the command is panda relay compact FILE [--data DIR]')
    return exitCodes.usage
  }
  const target = resolve(file)
  if (existsSync(target)) {
    line.complain(`panda: ${file} is there already; nothing is overwritten`)
    return exitCodes.failed
  }
  try {
    const bytes = await writeCompacted(config, target)
    const before = statSync(join(config.data, 'data.mdb')).size
    for (const text of report({ file, data: config.data, before, bytes })) line.print(text)
    return exitCodes.done
  } catch (error) {
    line.complain(`panda: no copy was made: ${messageOf(error)}`)
    return exitCodes.failed
  }
}

/** Writes the copy aside, opens it to see that it is whole, and gives it its name. Says how long it is. */
async function writeCompacted(config: Config, target: string): Promise<number> {
  // In the same file system, and closed to others.
  const draft = mkdtempSync(join(dirname(target), `.${basename(target)}-`))
  try {
    const { environment, close } = await openForReading(config)
    let seq: number
    try {
      seq = readHead(environment).seq
      await environment.root.backup(draft, true)
    } finally {
      await close()
    }
    const copy = join(draft, 'data.mdb')
    chmodSync(copy, 0o600)
    sync(copy)
    await check(config, draft, seq)
    // Unlike a rename it fails when something has that name by now.
    linkSync(copy, target)
    sync(dirname(target))
    return statSync(target).size
  } finally {
    rmSync(draft, { recursive: true, force: true })
  }
}

/** Throws when the copy does not open or is older than it may be. */
async function check(config: Config, directory: string, seq: number): Promise<void> {
  const { environment, close } = await openForReading({ ...config, data: directory })
  try {
    if (readHead(environment).seq < seq) throw new Error('the copy does not hold the whole log')
  } finally {
    await close()
  }
}

function sync(path: string): void {
  const descriptor = openSync(path, 'r')
  fsyncSync(descriptor)
  closeSync(descriptor)
}

function report({
  file,
  data,
  before,
  bytes,
}: {
  file: string
  data: string
  before: number
  bytes: number
}): string[] {
  return [
    `${file} has ${bytes} bytes, where ${join(data, 'data.mdb')} has ${before}.`,
    'To use it, with nothing lost: stop the service, make the copy anew, and then',
    `  mv ${file} ${join(data, 'data.mdb')} && rm -f ${join(data, 'lock.mdb')}`,
    'What was written after a copy was made is not in it.',
  ]
}
