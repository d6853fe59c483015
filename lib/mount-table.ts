/** Where the kernel says what is mounted, as this process sees it. */
export const mountTable = '/proc/self/mountinfo'

/** All places where something is mounted, in the order in which it was; one that is mounted over is there twice. */
export function mountPoints(mountinfo: string): string[] {
  return mountinfo.split('\n').flatMap((line) => {
    const path = line.split(' ')[4]
    return path === undefined
      ? []
      : [path.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)))]
  })
}

/** What is mounted on a folder or below it, in the order in which it has to go. */
export function mountPointsIn(folder: string, mountinfo: string): string[] {
  return mountPoints(mountinfo)
    .filter((path) => path === folder || path.startsWith(`${folder}/`))
    .toReversed()
}
