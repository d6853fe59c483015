/**
 * The member that owns a key, by rendezvous hashing: the one whose score with the key is highest. Every member computes the same from the
 * same list, in any order. A member that leaves gives up only its own keys, spread over all others; one that comes takes an equal share.
 */
export function ownerOf(key: string, members: readonly string[]): string | undefined {
  let owner: string | undefined
  let best = -1
  for (const member of members) {
    const score = scoreOf(member, key)
    if (score > best || (score === best && member < owner!)) {
      best = score
      owner = member
    }
  }
  return owner
}

/** FNV-1a over member and key, then the finalizer of MurmurHash3, without which names that differ in the last letter score alike. */
function scoreOf(member: string, key: string): number {
  let hash = addText(addText(0x811c9dc5, member) ^ 0xff, key)
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b)
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35)
  return (hash ^ (hash >>> 16)) >>> 0
}

function addText(hash: number, text: string): number {
  for (let index = 0; index < text.length; index++) hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193)
  return hash
}
