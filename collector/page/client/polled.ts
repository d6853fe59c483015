import { useEffect, useState } from 'preact/hooks'
import { getJson } from './api.ts'

/** What an address answers, `initial` until it does, asked again and again while the page is looked at; with what went wrong the last time. */
export function usePolled<T>(address: string, everyMs: number, initial: T): readonly [T, string | undefined] {
  const [answer, setAnswer] = useState<{ readonly address: string; readonly value: T; readonly problem?: string }>({
    address,
    value: initial,
  })
  useEffect(() => {
    const abort = new AbortController()
    let timer = 0
    const ask = async () => {
      if (!document.hidden) {
        try {
          const value = await getJson<T>(address, abort.signal)
          setAnswer({ address, value })
        } catch (error) {
          if (abort.signal.aborted) return
          const problem = error instanceof Error ? error.message : String(error)
          setAnswer((before) => (before.address === address ? { ...before, problem } : { address, value: initial, problem }))
        }
      }
      if (!abort.signal.aborted) timer = window.setTimeout(() => void ask(), everyMs)
    }
    void ask()
    return () => {
      abort.abort()
      window.clearTimeout(timer)
    }
  }, [address, everyMs])
  return answer.address === address ? [answer.value, answer.problem] : [initial, undefined]
}
