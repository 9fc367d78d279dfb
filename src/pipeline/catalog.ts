import { balanceGet, balanceTopup } from '../domain/billing/balance-methods.ts'
import { holdEnded, invoiceAccepted } from '../domain/billing/hold-facts.ts'
import { invoiceCreated, invoiceFailed, invoiceLookedUp, invoiceSettled } from '../domain/billing/invoice-facts.ts'
import { invoiceGet } from '../domain/billing/invoice-methods.ts'
import { invoicePay, walletAnswered } from '../domain/billing/invoice-pay.ts'
import { orderCancel, orderGet, orderList } from '../domain/billing/order-methods.ts'
import { rateObserved } from '../domain/billing/rates.ts'
import { orderReceipt } from '../domain/billing/receipts.ts'
import { walletReconciled, walletReconciliations } from '../domain/billing/reconcile.ts'
import { referralClaim, referralCreate, referralGet } from '../domain/billing/referral-methods.ts'
import { orderRefund } from '../domain/billing/refund-methods.ts'
import type { Sellable } from '../domain/billing/sellable.ts'
import { topUp } from '../domain/billing/top-up.ts'
import { transactionList } from '../domain/billing/transactions.ts'
import { withdrawalDecide } from '../domain/billing/withdraw-decide.ts'
import { paymentEnded, withdrawalResolved, withdrawalUnresolved } from '../domain/billing/withdraw-facts.ts'
import { balanceWithdraw, withdrawalGet, withdrawalList } from '../domain/billing/withdraw-methods.ts'
import { item } from '../domain/catalog/item.ts'
import { itemList, orderPlace } from '../domain/catalog/methods.ts'
import { clockAdvance } from '../domain/clock.ts'
import { domainAdd, domainSetPolicy } from '../domain/domains/methods.ts'
import {
  identifierGet,
  identifierList,
  identifierQuote,
  identifierRegister,
  identifierRenew,
  identifierSetRecords,
} from '../domain/identifiers/methods.ts'
import { registration } from '../domain/identifiers/registration.ts'
import { renewal } from '../domain/identifiers/renewal.ts'
import { identifierReserve, identifierUnreserve } from '../domain/identifiers/reservations.ts'
import type { CallMethod, CommandMethod, QueryMethod } from '../domain/method.ts'
import { renewalBudgets, renewalSetBudget } from '../domain/renewals/budget-methods.ts'
import { renewalList, renewalSet, renewalUnset } from '../domain/renewals/methods.ts'
import { secretErase, secretList, secretPut } from '../domain/secrets/methods.ts'
import { configApplied } from '../domain/settings.ts'
import { ticketClose, ticketGet, ticketList, ticketOpen, ticketReply } from '../domain/support/methods.ts'
import type { MethodDeclaration } from '../protocol/method.ts'

/** Everything that can be asked for, in the order in which it is documented. */
export const commandMethods: readonly CommandMethod[] = [
  identifierRegister,
  identifierRenew,
  identifierSetRecords,
  renewalSet,
  renewalSetBudget,
  renewalUnset,
  identifierReserve,
  identifierUnreserve,
  domainAdd,
  domainSetPolicy,
  orderPlace,
  orderCancel,
  orderRefund,
  withdrawalDecide,
  invoicePay,
  balanceTopup,
  balanceWithdraw,
  referralCreate,
  referralClaim,
  ticketOpen,
  ticketReply,
  ticketClose,
  configApplied,
  clockAdvance,
  invoiceCreated,
  invoiceFailed,
  invoiceAccepted,
  holdEnded,
  invoiceSettled,
  invoiceLookedUp,
  withdrawalResolved,
  withdrawalUnresolved,
  paymentEnded,
  walletAnswered,
  walletReconciled,
  rateObserved,
]

export const queryMethods: readonly QueryMethod[] = [
  identifierQuote,
  identifierGet,
  identifierList,
  renewalList,
  renewalBudgets,
  orderGet,
  orderList,
  orderReceipt,
  invoiceGet,
  itemList,
  balanceGet,
  transactionList,
  referralGet,
  withdrawalGet,
  withdrawalList,
  secretList,
  walletReconciliations,
  ticketGet,
  ticketList,
]

export const callMethods: readonly CallMethod[] = [secretPut, secretErase]

/** What is known of all methods, in that order. */
export const declarations: readonly MethodDeclaration[] = [...commandMethods, ...queryMethods, ...callMethods].map(
  method => method.declaration,
)

/** Everything that can be bought. */
export const sellables: ReadonlyMap<string, Sellable> = new Map(
  [registration, renewal, item, topUp].map(one => [one.kind, one]),
)
