import { useEffect, useRef, useState } from 'preact/hooks'

/** A line as the page's server sends it. */
export interface LogLine {
  readonly time: string
  readonly kind?: string
  readonly node?: string
  readonly namespace?: string
  readonly pod?: string
  readonly container?: string
  readonly level?: string
  readonly text: string
  readonly id: string
}

interface Problem {
  readonly node?: string
  readonly problem: string
}

/** What is known of a search. */
export interface LogState {
  readonly lines: readonly LogLine[]
  /** What is missing from them, and why. */
  readonly problems: readonly string[]
  readonly isLoading: boolean
}

/** Older lines go: a browser is no archive. */
const maxLines = 1000
const maxProblems = 5
const retryMs = 2000
const empty: LogState = { lines: [], problems: [], isLoading: true }

/** The lines that a query finds, and those that follow, at most the newest thousand. What comes in one frame is shown at once. */
export function useLogs(query: string, isFollowing: boolean): LogState {
  const [state, setState] = useState<LogState>(empty)
  const [attempt, setAttempt] = useState(0)
  const shown = useRef('')
  useEffect(() => {
    const abort = new AbortController()
    let retry: ReturnType<typeof setTimeout> | undefined
    const buffer = new Buffer((next) => setState(next))
    // What is on the page stays until the answer to another question is there.
    if (shown.current !== query) setState(empty)
    shown.current = query
    read(`/api/v1/logs?${query}${isFollowing ? '&follow=true' : ''}`, buffer, abort.signal)
      .then(() => buffer.finish(isFollowing ? 'the answer ended' : undefined))
      .catch((error: unknown) => {
        if (!abort.signal.aborted) buffer.finish(error instanceof Error ? error.message : String(error))
      })
      .finally(() => {
        if (isFollowing && !abort.signal.aborted) retry = setTimeout(() => setAttempt((count) => count + 1), retryMs)
      })
    return () => {
      clearTimeout(retry)
      abort.abort()
      buffer.close()
    }
  }, [query, isFollowing, attempt])
  return state
}

/** Collects records and hands them on once per frame. */
class Buffer {
  readonly #show: (state: LogState) => void
  #lines: LogLine[] = []
  #problems: string[] = []
  #frame: number | undefined
  #isClosed = false

  constructor(show: (state: LogState) => void) {
    this.#show = show
  }

  add(record: Partial<LogLine & Problem> & { readonly end?: { readonly problems: readonly Problem[] } }): void {
    if (record.text !== undefined) this.#lines.push(record as LogLine)
    else if (record.problem !== undefined) this.#complain(record as Problem)
    else for (const problem of record.end?.problems ?? []) this.#complain(problem)
    if (this.#lines.length > maxLines * 2) this.#lines = this.#lines.slice(-maxLines)
    this.#schedule()
  }

  finish(problem: string | undefined): void {
    if (problem !== undefined) this.#complain({ problem })
    this.#schedule()
  }

  /** The last few, each once: a node that is away says the same again and again. */
  #complain(problem: Problem): void {
    const text = describe(problem)
    this.#problems = [...this.#problems.filter((known) => known !== text), text].slice(-maxProblems)
  }

  close(): void {
    this.#isClosed = true
    if (this.#frame !== undefined) cancelAnimationFrame(this.#frame)
  }

  #schedule(): void {
    if (this.#isClosed) return
    this.#frame ??= requestAnimationFrame(() => {
      this.#frame = undefined
      this.#show({ lines: this.#lines.slice(-maxLines), problems: this.#problems, isLoading: false })
    })
  }
}

const describe = ({ node, problem }: Problem) => (node === undefined ? problem : `${node}: ${problem}`)

async function read(address: string, buffer: Buffer, signal: AbortSignal): Promise<void> {
  const response = await fetch(address, { signal })
  if (!response.ok || response.body === null) throw new Error((await response.text()).trim())
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
  let rest = ''
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    const lines = `${rest}${part.value}`.split('\n')
    rest = lines.pop()!
    for (const line of lines) buffer.add(JSON.parse(line) as Parameters<Buffer['add']>[0])
  }
  buffer.finish(undefined)
}
