/**
 * Figures are kept as 16-bit codes on a logarithmic scale from 2^-20 to 2^63: neighbouring codes are 0.089 % apart, so a value comes back
 * within 0.045 %. Zero is exact. What is smaller than 2^-20 is zero, what is negative too: figures are amounts and rates.
 */
const stepsPerOctave = 780
const lowestOctave = -20

/** Code of a figure that is absent. */
export const absent = 0xffff

/** How many codes there are in a bucket of a distribution: buckets are 1.43 % apart, so a percentile comes back within 0.72 %. */
const codesPerBucket = 16

/** Distributions have this many buckets; 0 is zero, the last has all that is beyond 2^62. */
export const bucketCount = 4096

/** The code of a value; NaN is absent. */
export function encode(value: number): number {
  if (Number.isNaN(value)) return absent
  if (value <= 0) return 0
  const code = Math.round((Math.log2(value) - lowestOctave) * stepsPerOctave) + 1
  return code < 1 ? 0 : Math.min(code, absent - 1)
}

/** The value of a code. */
export function decode(code: number): number {
  if (code === absent) return Number.NaN
  return code === 0 ? 0 : 2 ** ((code - 1) / stepsPerOctave + lowestOctave)
}

/** The bucket that a code falls into. */
export function bucketOf(code: number): number {
  return Math.min(Math.ceil(code / codesPerBucket), bucketCount - 1)
}

/** The value in the middle of a bucket. */
export function bucketValue(bucket: number): number {
  return bucket === 0 ? 0 : 2 ** ((bucket * codesPerBucket - codesPerBucket / 2 - 0.5) / stepsPerOctave + lowestOctave)
}
