/**
 * The program of every sandbox: it keeps the pod's namespaces alive and does nothing else. Machine code, so that no compiler and no
 * registry is needed. As process 1 it gets no default signal handling, so it blocks SIGTERM, SIGINT and SIGCHLD and takes them from the
 * queue: it ends at the first two and reaps orphans at the third (it is everybody's parent where a pod shares its process namespace).
 */
export function pauseProgram(architecture: string): Buffer {
  const program = programs[architecture]
  if (program === undefined) {
    throw new RangeError(`no sandbox program for architecture "${architecture}": known are ${Object.keys(programs).join(', ')}`)
  }
  return elf(program.machine, program.code())
}

/** SIGTERM (15), SIGINT (2) and SIGCHLD (17) as a kernel signal set: bit n-1 for signal n. */
const signalSet = (1 << 14) | (1 << 1) | (1 << 16)

const programs: Readonly<Record<string, { readonly machine: number; readonly code: () => Buffer }>> = {
  amd64: { machine: 62, code: amd64Code },
  arm64: { machine: 183, code: arm64Code },
}

/** System calls: rt_sigprocmask 14, rt_sigtimedwait 128, exit 60, wait4 61. */
function amd64Code(): Buffer {
  const set = Buffer.alloc(4)
  set.writeInt32LE(signalSet)
  return Buffer.from(
    [
      `68 ${set.toString('hex')}`, // 00      push signalSet
      '48 89 e6', //              05      mov rsi, rsp
      '31 ff', //                 08      xor edi, edi            SIG_BLOCK
      '31 d2', //                 0a      xor edx, edx
      '6a 08 41 5a', //           0c      push 8; pop r10         bytes of the set
      '6a 0e 58 0f 05', //        10      push 14; pop rax; syscall
      '48 89 e7', //              15 wait mov rdi, rsp
      '31 f6', //                 18      xor esi, esi
      '31 d2', //                 1a      xor edx, edx            no time limit
      '6a 08 41 5a', //           1c      push 8; pop r10
      'b8 80 00 00 00 0f 05', //  20      mov eax, 128; syscall
      '83 f8 11 74 0b', //        27      cmp eax, 17; je reap
      '85 c0 78 e5', //           2c      test eax, eax; js wait  interrupted
      '31 ff', //                 30      xor edi, edi
      '6a 3c 58 0f 05', //        32      push 60; pop rax; syscall
      '6a ff 5f', //              37 reap push -1; pop rdi        any child
      '31 f6', //                 3a      xor esi, esi
      '6a 01 5a', //              3c      push 1; pop rdx         WNOHANG
      '45 31 d2', //              3f      xor r10d, r10d
      '6a 3d 58 0f 05', //        42      push 61; pop rax; syscall
      '85 c0 7f ec', //           47      test eax, eax; jg reap
      'eb c8', //                 4b      jmp wait
    ]
      .join('')
      .replaceAll(' ', ''),
    'hex',
  )
}

/** System calls: rt_sigprocmask 135, rt_sigtimedwait 137, exit 93, wait4 260. */
function arm64Code(): Buffer {
  const set = (register: number, value: number) => (0xd280_0000 | (value << 5) | register) >>> 0
  const words = [
    set(9, signalSet & 0xffff), // 00      mov  x9, low half
    (0xf2a0_0000 | ((signalSet >>> 16) << 5) | 9) >>> 0, // 01 movk x9, high half, lsl 16
    0xf81f_0fe9, //                02      str  x9, [sp, -16]!
    set(0, 0), //                  03      mov  x0, 0              SIG_BLOCK
    0x9100_03e1, //                04      mov  x1, sp
    set(2, 0), //                  05      mov  x2, 0
    set(3, 8), //                  06      mov  x3, 8              bytes of the set
    set(8, 135), //                07      mov  x8, 135
    0xd400_0001, //                08      svc  0
    0x9100_03e0, //                09 wait mov  x0, sp
    set(1, 0), //                  10      mov  x1, 0
    set(2, 0), //                  11      mov  x2, 0              no time limit
    set(3, 8), //                  12      mov  x3, 8
    set(8, 137), //                13      mov  x8, 137
    0xd400_0001, //                14      svc  0
    0xf100_441f, //                15      cmp  x0, 17
    0x5400_0000 | (5 << 5), //     16      b.eq reap
    0xb7f8_0000 | ((-8 & 0x3fff) << 5), // 17 tbnz x0, 63, wait    interrupted
    set(0, 0), //                  18      mov  x0, 0
    set(8, 93), //                 19      mov  x8, 93
    0xd400_0001, //                20      svc  0
    0x9280_0000, //                21 reap mov  x0, -1             any child
    set(1, 0), //                  22      mov  x1, 0
    set(2, 1), //                  23      mov  x2, 1              WNOHANG
    set(3, 0), //                  24      mov  x3, 0
    set(8, 260), //                25      mov  x8, 260
    0xd400_0001, //                26      svc  0
    0xf100_001f, //                27      cmp  x0, 0
    0x5400_000c | ((-7 & 0x7_ffff) << 5), // 28 b.gt reap
    0x1400_0000 | (-20 & 0x3ff_ffff), //     29 b wait
  ]
  const code = Buffer.alloc(words.length * 4)
  words.forEach((word, index) => code.writeUInt32LE(word >>> 0, index * 4))
  return code
}

/** A static executable with one segment: ELF header (64 bytes), one program header (56 bytes), code. */
function elf(machine: number, code: Buffer): Buffer {
  const headerBytes = 64 + 56
  const loadAddress = 0x40_0000n
  const file = Buffer.alloc(headerBytes + code.length)
  file.write('7f454c46020101', 'hex')
  file.writeUInt16LE(2, 16) // executable
  file.writeUInt16LE(machine, 18)
  file.writeUInt32LE(1, 20)
  file.writeBigUInt64LE(loadAddress + BigInt(headerBytes), 24) // entry
  file.writeBigUInt64LE(64n, 32) // program headers start here
  file.writeUInt16LE(64, 52)
  file.writeUInt16LE(56, 54)
  file.writeUInt16LE(1, 56)
  file.writeUInt16LE(64, 58)
  file.writeUInt32LE(1, 64) // PT_LOAD
  file.writeUInt32LE(5, 68) // readable and executable
  file.writeBigUInt64LE(0n, 72)
  file.writeBigUInt64LE(loadAddress, 80)
  file.writeBigUInt64LE(loadAddress, 88)
  file.writeBigUInt64LE(BigInt(file.length), 96)
  file.writeBigUInt64LE(BigInt(file.length), 104)
  file.writeBigUInt64LE(0x1_0000n, 112) // alignment that suits every arm64 page size
  code.copy(file, headerBytes)
  return file
}
