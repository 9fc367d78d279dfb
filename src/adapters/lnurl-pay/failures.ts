/** A Lightning address will not give what was asked for; the message completes a sentence about it. */
export class Refusal extends Error {
  override readonly name = 'Refusal'
}

/** The address could not be reached or gave no usable answer; it may later. */
export class AddressUnavailable extends Error {
  override readonly name = 'AddressUnavailable'
}
