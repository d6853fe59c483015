/** The registry that an image reference names: `docker.io` where the first part is no host. */
export function registryOf(image: string): string {
  const [first, ...rest] = image.split('/')
  if (rest.length === 0 || first === undefined) return 'docker.io'
  const isHost = first.includes('.') || first.includes(':') || first === 'localhost'
  if (!isHost || first === 'index.docker.io' || first === 'registry-1.docker.io') return 'docker.io'
  return first
}
