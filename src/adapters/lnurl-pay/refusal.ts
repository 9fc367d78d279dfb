/** A Lightning address will not give what was asked for; the message completes a sentence about it. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
}
