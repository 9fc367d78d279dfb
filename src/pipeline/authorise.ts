import { isOperator, isStaff } from '../domain/context.ts'
import type { MethodDeclaration } from '../protocol/method.ts'
import { type Rejection, reject } from '../rejections.ts'
import type { Settings } from '../store/settings-row.ts'

/** Whether a key may call a method at all. What depends on whose thing it is, is the handler's. */
export function authorise(
  declaration: MethodDeclaration,
  author: string,
  service: string,
  settings: Settings,
): Rejection | null {
  const { caller } = declaration
  if (author === service) return caller === 'service' ? null : refused('the service itself')
  switch (caller) {
    case 'anyone':
    case 'customer':
      return null
    case 'staff':
      return isStaff(settings, author) ? null : refused('anyone but staff')
    case 'operator':
      return isOperator(settings, author) ? null : refused('anyone but operators')
    case 'service':
      return refused('anyone but the service')
    default: {
      const unknown: never = caller
      throw new Error(`no caller ${String(unknown)}`)
    }
  }
}

function refused(who: string): Rejection {
  return reject('UNAUTHORIZED', `this method is not for ${who}`)
}
