/** What an operator can mend, by the system's code; `subject` is the address or directory in question. */
const causes: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the port is in use by another process; choose one with --port',
  EADDRNOTAVAIL: 'listen.host is no address of this machine',
  EACCES: 'no permission',
  EPERM: 'no permission',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
  ENOTDIR: 'a part of the path is no directory',
  EEXIST: 'a file is where the directory should be',
  ENOENT: 'there is no such file or directory',
  ECONNREFUSED: 'nothing answers there; is the service running?',
}

/** Why something failed, as one line without a stack: a known cause in plain words, otherwise the error's message. */
export function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const code = 'code' in error ? String(error.code) : ''
  const cause = Object.hasOwn(causes, code) ? causes[code] : undefined
  const [firstLine = ''] = error.message.split('\n')
  if (cause === undefined) return firstLine || error.name
  return firstLine === '' ? cause : `${cause} (${firstLine})`
}
