import { lockDirectory } from '../../../src/store/lock.ts'

// Takes the lock of a directory, says whether it could, and keeps it until it is killed.
const lock = lockDirectory(process.argv[2] ?? '')
process.stdout.write(lock === null ? 'refused\n' : 'locked\n')
if (lock !== null) setInterval(() => undefined, 60_000)
