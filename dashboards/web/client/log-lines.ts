import { h, type ComponentChild } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { visibleText } from '../../../lib/page/visible-text.ts'
import type { LogLine } from './log-stream.ts'

interface LogLinesProps {
  readonly lines: readonly LogLine[]
  /** Marked where it is in a text. */
  readonly search: string
  /** What is said where there is no line. */
  readonly empty: string
}

/** Within so many pixels of the end, new lines stay in view. */
const endPx = 40
/** Of a longer text only so much is shown until somebody wants all of it. */
const maxTextLength = 4000

/** Lines in the order in which they are given, the newest in view unless somebody has scrolled away from it. */
export function LogLines({ lines, search, empty }: LogLinesProps) {
  const place = useRef<HTMLDivElement>(null)
  const isAtEnd = useRef(true)
  useEffect(() => {
    if (isAtEnd.current && place.current !== null) place.current.scrollTop = place.current.scrollHeight
  }, [lines])
  const onScroll = () => {
    const box = place.current
    if (box !== null) isAtEnd.current = box.scrollHeight - box.scrollTop - box.clientHeight < endPx
  }
  return h(
    'div',
    { class: 'lines', ref: place, onScroll, onCopy: copyLines, role: 'log', tabIndex: 0 },
    lines.map((line, index) => shownLine(line, { search, isFirstOfDay: dayOf(line.time) !== dayOf(lines[index - 1]?.time) })),
    lines.length === 0 ? h('p', { class: 'quiet' }, empty) : null,
  )
}

interface Shown {
  readonly search: string
  readonly isFirstOfDay: boolean
}

/** Lines stay as they are: what was drawn of one is drawn again for nothing. */
const drawn = new WeakMap<LogLine, Shown & { readonly node: ComponentChild }>()

function shownLine(line: LogLine, { search, isFirstOfDay }: Shown): ComponentChild {
  const known = drawn.get(line)
  if (known !== undefined && known.search === search && known.isFirstOfDay === isFirstOfDay) return known.node
  const node = h(Line, { key: line.id, line, search, isFirstOfDay })
  drawn.set(line, { search, isFirstOfDay, node })
  return node
}

function Line({ line, search, isFirstOfDay }: Shown & { readonly line: LogLine }) {
  const { time, level = '', namespace, pod, container, node } = line
  return [
    isFirstOfDay ? h('div', { class: 'day' }, dayOf(time)) : null,
    h(
      'div',
      { class: `line ${/^[a-z]+$/.test(level) ? level : ''}` },
      h('time', { dateTime: time, title: time }, timeOf(time)),
      h('span', { class: 'name', title: [namespace, pod, container, node].filter(Boolean).join(' / ') }, nameOf(line)),
      h(Text, { text: line.text, search }),
    ),
  ]
}

function Text({ text, search }: { readonly text: string; readonly search: string }) {
  const [isWhole, setWhole] = useState(false)
  const shown = isWhole ? text : text.slice(0, maxTextLength)
  const more = h('button', { onClick: () => setWhole(true) }, `… ${text.length - shown.length} more characters`)
  return h('span', { class: 'text' }, marked(drawable(shown), search), shown.length < text.length ? more : null)
}

/** Lines stay lines; colours that were meant for a terminal go, and everything else that is not to be seen is shown. */
function drawable(text: string): string {
  // oxlint-disable-next-line no-control-regex -- what a terminal's colours begin with
  const plain = text.replaceAll(/\x1b\[[\d;]*m/g, '')
  return plain.split('\n').map(visibleText).join('\n')
}

/** The text, with what was searched for marked. */
function marked(text: string, search: string) {
  const at = search === '' ? -1 : text.indexOf(search)
  return at < 0 ? text : [text.slice(0, at), h('mark', {}, search), text.slice(at + search.length)]
}

const nameOf = ({ kind = '', namespace, node, pod, container }: LogLine) =>
  pod === undefined ? [kind, namespace ?? node ?? ''].join('/') : `${pod}/${container ?? ''}`

const pad = (number: number, length = 2) => String(number).padStart(length, '0')

/** The time of day where the page is read, as charts have it. */
function timeOf(time: string): string {
  const date = new Date(time)
  return `${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}.${pad(date.getMilliseconds(), 3)}`
}

const dayFormat = new Intl.DateTimeFormat(undefined, { weekday: 'short', year: 'numeric', month: 'short', day: 'numeric' })

function dayOf(time: string | undefined): string {
  return time === undefined ? '' : dayFormat.format(new Date(time))
}

/** The zone in which the page has its times: `Europe/Berlin, UTC+1`. */
export function zoneName(): string {
  const format = new Intl.DateTimeFormat('en', { timeZoneName: 'shortOffset' })
  const offset = format.formatToParts().find(({ type }) => type === 'timeZoneName')?.value ?? ''
  const { timeZone } = format.resolvedOptions()
  return timeZone === 'UTC' ? 'UTC' : `${timeZone}, ${offset.replace('GMT', 'UTC')}`
}

/** Whole lines are copied with the times that every other place knows them by. */
function copyLines(event: ClipboardEvent): void {
  const selection = getSelection()
  const box = event.currentTarget as HTMLElement
  const lines = [...box.querySelectorAll('.line')].filter((line) => selection?.containsNode(line, true) === true)
  if (lines.length < 2) return
  const textOf = (line: Element, part: string) => line.querySelector(part)?.textContent ?? ''
  const texts = lines.map((line) => `${line.querySelector('time')?.dateTime} ${textOf(line, '.name')} ${textOf(line, '.text')}`)
  event.clipboardData?.setData('text/plain', texts.join('\n'))
  event.preventDefault()
}
