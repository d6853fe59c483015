import { useEffect, useState } from 'preact/hooks'
import type { ContainerRow, EventList, MonitorRow } from '../model.ts'

/** What the page's server answers beside the stream, by path. */
interface Answers {
  readonly '/api/containers': readonly ContainerRow[]
  readonly '/api/events': EventList
  readonly '/api/monitor': readonly MonitorRow[]
}

const retryMs = 2000

/** The answer of a path, asked again whenever `tick` changes: `null` until the first one comes, and while the next one fails, the last. */
export function useFetched<P extends keyof Answers>(
  path: P,
  tick: number,
  parameters: Readonly<Record<string, string>> = {},
): Answers[P] | null {
  const query = new URLSearchParams(parameters).toString()
  const address = query === '' ? path : `${path}?${query}`
  const [answer, setAnswer] = useState<{ readonly address: string; readonly value: Answers[P] } | null>(null)
  const [failures, setFailures] = useState(0)
  useEffect(() => {
    const abort = new AbortController()
    let retry: ReturnType<typeof setTimeout> | undefined
    fetch(address, { signal: abort.signal })
      .then((response) => (response.ok ? response.json() : Promise.reject(new Error(String(response.status)))))
      .then((value: Answers[P]) => setAnswer({ address, value }))
      .catch(() => {
        if (!abort.signal.aborted) retry = setTimeout(() => setFailures((count) => count + 1), retryMs)
      })
    return () => {
      clearTimeout(retry)
      abort.abort()
    }
  }, [address, tick, failures])
  return answer?.address === address ? answer.value : null
}
