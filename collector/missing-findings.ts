import { existsSync } from 'node:fs'
import { dirname } from 'node:path'
import type { MissingFile } from './container-files.ts'
import type { Finding } from './source.ts'

interface Reason {
  /** File's name, as a pattern, and the code of the error. */
  readonly file: RegExp
  readonly errno: string
  readonly why: string
  readonly remedy?: string
}

/** Why a file can't be read, the first that fits; the last of each code says what the code means in general. */
const reasons: readonly Reason[] = [
  {
    file: /\.pressure$/,
    errno: 'EOPNOTSUPP',
    why: 'pressure stall information is switched off',
    remedy: 'boot with psi=1',
  },
  {
    file: /\.pressure$/,
    errno: 'ENOENT',
    why: 'the kernel has no pressure stall information',
    remedy: 'a kernel with CONFIG_PSI=y, booted with psi=1 where CONFIG_PSI_DEFAULT_DISABLED=y',
  },
  { file: /^memory\.peak$/, errno: 'ENOENT', why: 'the kernel is older than 5.19', remedy: 'kernel 5.19' },
  { file: /^memory\.swap\.peak$/, errno: 'ENOENT', why: 'the kernel is older than 6.5, or has no swap', remedy: 'kernel 6.5' },
  { file: /^memory\.swap\./, errno: 'ENOENT', why: 'the kernel does not account for swap', remedy: 'CONFIG_SWAP=y, swapaccount=1' },
  { file: /^memory\.memsw\./, errno: 'ENOENT', why: 'the kernel does not account for swap', remedy: 'CONFIG_MEMCG_SWAP=y, swapaccount=1' },
  { file: /^memory\.kmem\./, errno: 'ENOENT', why: 'the kernel does not account for its own memory', remedy: 'CONFIG_MEMCG_KMEM=y' },
  {
    file: /^blkio\.bfq\./,
    errno: 'ENOENT',
    why: 'no disk is scheduled by BFQ',
    remedy: 'CONFIG_BFQ_GROUP_IOSCHED=y and the scheduler bfq',
  },
  {
    file: /^(blkio|io)\./,
    errno: 'ENOENT',
    why: 'the io controller is not on',
    remedy: 'CONFIG_BLK_CGROUP=y; on v2 +io in cgroup.subtree_control',
  },
  { file: /^hugetlb\./, errno: 'ENOENT', why: 'the hugetlb controller is not on', remedy: 'CONFIG_CGROUP_HUGETLB=y; on v2 +hugetlb' },
  {
    file: /^cpuset\./,
    errno: 'ENOENT',
    why: 'the cpuset controller is not on',
    remedy: 'CONFIG_CPUSETS=y; on v2 +cpuset in cgroup.subtree_control',
  },
  { file: /^cpu\.(cfs|max)/, errno: 'ENOENT', why: 'the kernel has no CPU quotas, or cpu is not on', remedy: 'CONFIG_CFS_BANDWIDTH=y' },
  { file: /^cpuacct\./, errno: 'ENOENT', why: 'the cpuacct controller is not on', remedy: 'CONFIG_CGROUP_CPUACCT=y' },
  { file: /^pids\.events$/, errno: 'ENOENT', why: 'the kernel is older than 4.8', remedy: 'kernel 4.8' },
  {
    file: /^pids\./,
    errno: 'ENOENT',
    why: 'the pids controller is not on',
    remedy: 'CONFIG_CGROUP_PIDS=y; on v2 +pids in cgroup.subtree_control',
  },
  {
    file: /^memory\./,
    errno: 'ENOENT',
    why: 'the memory controller is not on',
    remedy: 'CONFIG_MEMCG=y; on v2 +memory in cgroup.subtree_control',
  },
  { file: /6$/, errno: 'ENOENT', why: 'the kernel has no IPv6', remedy: 'CONFIG_IPV6=y' },
  { file: /^fd$/, errno: 'EACCES', why: 'descriptors of other users are hidden', remedy: 'run as root or with CAP_SYS_PTRACE' },
  { file: /./, errno: 'ENOENT', why: 'the kernel has no such file here' },
  { file: /./, errno: 'EACCES', why: 'permission denied', remedy: 'run as root or with CAP_DAC_READ_SEARCH' },
  { file: /./, errno: 'EPERM', why: 'not permitted', remedy: 'run as root' },
  { file: /./, errno: 'EMFILE', why: 'too many open files', remedy: 'raise the limit of descriptors (ulimit -n)' },
  { file: /./, errno: 'ENFILE', why: 'too many open files on the machine', remedy: 'raise fs.file-max' },
  { file: /./, errno: 'EOPNOTSUPP', why: 'switched off in the kernel' },
]

/** A finding for each file name and error, over all cgroups. */
export function missingFindings(missing: ReadonlyMap<string, readonly MissingFile[]>): Finding[] {
  const byFile = new Map<string, { readonly file: MissingFile; readonly name: string; readonly example: string; cgroups: number }>()
  for (const [example, files] of missing) {
    for (const file of files) {
      const name = file.path.slice(file.path.lastIndexOf('/') + 1)
      const key = `${name} ${file.problem}`
      const known = byFile.get(key)
      if (known === undefined) byFile.set(key, { file, name, example, cgroups: 1 })
      else known.cgroups++
    }
  }
  return [...byFile.values()].map(({ file, name, example, cgroups }) => {
    const { why = 'see errno(3)', remedy } = reasonOf(file, name)
    const absent = file.missing.join(', ') || 'nothing'
    return {
      level: file.isOptional ? 'missing' : 'problem',
      subject: name,
      text: `${absent} absent for ${cgroups} cgroups (${example}): ${file.problem}, ${why}${remedy === undefined ? '' : `: ${remedy}`}`,
      missing: { metrics: file.missing, path: file.path, errno: file.problem, cgroups, example, remedy },
    }
  })
}

function reasonOf({ path, problem }: MissingFile, name: string): { readonly why?: string; readonly remedy?: string } {
  // On v1 a cgroup need not be in every controller's tree.
  if (problem === 'ENOENT' && !existsSync(dirname(path))) return { why: `they are not in the tree that has ${name}` }
  return reasons.find(({ errno, file }) => errno === problem && file.test(name)) ?? {}
}
