import type { ByteWriter } from '../../../../lib/byte-writer.ts'

const headerRoom = 16

/** The head of a string of so many bytes; the bytes follow as they are. Takes care of its room itself, as all functions here. */
export function appendStringHeader(writer: ByteWriter, length: number): void {
  writer.reserve(headerRoom)
  if (length < 32) writer.appendByte(0xa0 | length)
  else if (length < 0x100) appendNumber(writer, 0xd9, { value: length, bytes: 1 })
  else if (length < 0x1_0000) appendNumber(writer, 0xda, { value: length, bytes: 2 })
  else appendNumber(writer, 0xdb, { value: length, bytes: 4 })
}

export function appendString(writer: ByteWriter, text: string): void {
  appendStringHeader(writer, Buffer.byteLength(text))
  writer.appendText(text)
}

/** The head of binary data; the bytes follow. */
export function appendBinaryHeader(writer: ByteWriter, length: number): void {
  writer.reserve(headerRoom)
  appendNumber(writer, 0xc6, { value: length, bytes: 4 })
}

/** A map of at most 15 members, or an array: their heads. */
export function appendMapHeader(writer: ByteWriter, size: number): void {
  writer.reserve(headerRoom)
  writer.appendByte(0x80 | size)
}

export function appendArrayHeader(writer: ByteWriter, size: number): void {
  writer.reserve(headerRoom)
  writer.appendByte(0x90 | size)
}

/** Fluent's extension for a time with nanoseconds. */
export function appendEventTime(writer: ByteWriter, seconds: number, nanos: number): void {
  writer.reserve(headerRoom)
  writer.appendByte(0xd7)
  appendNumber(writer, 0x00, { value: Math.max(0, seconds) >>> 0, bytes: 4 })
  appendNumber(writer, undefined, { value: nanos, bytes: 4 })
}

function appendNumber(
  writer: ByteWriter,
  head: number | undefined,
  { value, bytes }: { readonly value: number; readonly bytes: number },
): void {
  if (head !== undefined) writer.appendByte(head)
  for (let shift = (bytes - 1) * 8; shift >= 0; shift -= 8) writer.appendByte((value >>> shift) & 0xff)
}
