/**
 * Websocket text frames (RFC 6455, section 5.2), unmasked as servers send them, for a page of messages in one buffer:
 * hundreds of small writes cost three times as much.
 */

/** How many bytes the frame of a payload takes. */
export function frameLength(payloadLength: number): number {
  return payloadLength + headerLength(payloadLength)
}

/** Writes the header of a text frame and returns where its payload goes. */
export function writeHeader(target: Buffer, offset: number, payloadLength: number): number {
  target[offset] = 0x81
  if (payloadLength < 126) {
    target[offset + 1] = payloadLength
  } else if (payloadLength < 65_536) {
    target[offset + 1] = 126
    target.writeUInt16BE(payloadLength, offset + 2)
  } else {
    target[offset + 1] = 127
    target.writeUInt32BE(0, offset + 2)
    target.writeUInt32BE(payloadLength, offset + 6)
  }
  return offset + headerLength(payloadLength)
}

function headerLength(payloadLength: number): number {
  return payloadLength < 126 ? 2 : payloadLength < 65_536 ? 4 : 10
}
