/** Checks that a number is a payable amount in millisatoshi: a safe integer, not negative. Throws: callers have checked input before. */
export function msat(amount: number): number {
  if (!Number.isSafeInteger(amount) || amount < 0) throw new Error(`${amount} is not an amount in millisatoshi`)
  return amount
}
