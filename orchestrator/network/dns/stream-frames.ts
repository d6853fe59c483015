const lengthBytes = 2

/** A DNS message as it goes over TCP: behind its length. */
export function frameOf(message: Buffer): Buffer {
  const length = Buffer.alloc(lengthBytes)
  length.writeUInt16BE(message.length)
  return Buffer.concat([length, message])
}

/** Takes a TCP stream's chunks and calls `onFrame` with each whole message in order. Keeps at most one message and one chunk. */
export function createFrameReader(onFrame: (message: Buffer) => void): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0)
  return (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    while (rest.length >= lengthBytes) {
      const end = lengthBytes + rest.readUInt16BE(0)
      if (rest.length < end) return
      const message = rest.subarray(lengthBytes, end)
      rest = rest.subarray(end)
      onFrame(message)
    }
  }
}
