import { parentPort, workerData } from 'node:worker_threads'
import { loadSecp256k1 } from './secp256k1-load.ts'
import { answerSlots } from './verifier-slots.ts'

/** The thread that checks signatures for `verifier.ts`. It ends with the process, or when it is asked to. */
const secp = await loadSecp256k1()
answerSlots(workerData as SharedArrayBuffer, secp.verify, () => parentPort?.postMessage(null))
