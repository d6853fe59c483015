#!/usr/local/bin/node
import { createWriteStream } from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import { basename } from 'node:path'
import { setTimeout } from 'node:timers'
import { pipeline } from 'node:stream/promises'
import { parseFetchFlags } from './flags.ts'
import type { FetchOptions } from './flags.ts'

const program = basename(process.argv[1] ?? '') === 'curl' ? 'curl' : 'wget'

function send(options: FetchOptions): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    const request = options.url.startsWith('https:') ? https.request : http.request
    const { method, timeoutMs, body } = options
    const headers = Object.fromEntries(options.headers)
    const outgoing = request(
      options.url,
      { method, headers, timeout: timeoutMs, rejectUnauthorized: !options.isInsecure, agent: false },
      resolve,
    )
    outgoing.on('timeout', () => outgoing.destroy(new Error('timed out')))
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}

async function main(): Promise<number> {
  const options = parseFetchFlags(program, process.argv.slice(2))
  const deadline = setTimeout(() => fail('timed out'), options.timeoutMs)
  const response = await send(options)
  if (options.isHeadShown) {
    process.stdout.write(`HTTP/${response.httpVersion} ${response.statusCode} ${response.statusMessage}\r\n`)
    for (let i = 0; i < response.rawHeaders.length; i += 2)
      process.stdout.write(`${response.rawHeaders[i]}: ${response.rawHeaders[i + 1]}\r\n`)
    process.stdout.write('\r\n')
  }
  const isFailure = options.isFailureOnStatus && (response.statusCode ?? 0) >= 400
  if (isFailure || options.output === undefined) response.resume()
  else if (options.output === '-') await pipeline(response, process.stdout, { end: false })
  else await pipeline(response, createWriteStream(options.output))
  clearTimeout(deadline)
  if (!isFailure) return 0
  if (!options.isQuiet) console.error(`${program}: server returned error: ${response.statusCode} ${response.statusMessage}`)
  return program === 'curl' ? 22 : 1
}

function fail(message: string): never {
  console.error(`${program}: ${message}`)
  process.exit(1)
}

try {
  process.exitCode = await main()
} catch (error) {
  fail(error instanceof Error ? error.message || String((error as NodeJS.ErrnoException).code) : String(error))
}
