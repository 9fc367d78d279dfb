import { execFileSync } from 'node:child_process'

/**
 * Has Linux forget what it keeps of a file in memory, as if the machine had just been started (GNU dd). What was written in
 * large pieces stays there in large pieces (folios; ext4 since Linux 6.16), and each small write into one costs several times
 * what it costs otherwise. A preparation writes so; a service does not.
 */
export function forgetCached(file: string): void {
  const what = ['if=/dev/null', `of=${file}`, 'oflag=nocache', 'conv=notrunc,fdatasync', 'count=0']
  execFileSync('dd', what, { stdio: 'ignore' })
}
