import type { Logger } from 'pino'
import { z } from 'zod'
import type { LogClock } from '../pipeline/log-clock.ts'
import { type ControlHandler, controlHandler } from './control-socket.ts'

/** The method `clock.confirm` of the control socket: the operator says that the machine's clock is right. */
export function clockHandlers(clock: LogClock, log: Logger): Record<string, ControlHandler> {
  return {
    'clock.confirm': controlHandler(z.strictObject({}), async () => {
      const jump = clock.unconfirmedJumpSeconds()
      clock.confirm()
      log.info({ event: 'clock.confirmed', seconds: jump })
      return { ok: true, result: { jumpSeconds: jump } }
    }),
  }
}
