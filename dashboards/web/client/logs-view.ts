import { h } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { useLogs, type LogLine } from './log-stream.ts'
import type { Route } from './route.ts'
import type { ViewProps } from './views.ts'

const levels = ['', 'trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const
const kinds = [
  ['container', 'Pods'],
  ['events', 'Events'],
  ['audit', 'Audit'],
  ['file,journal', 'Nodes'],
] as const
const tail = '500'
/** Within so many pixels of the end, new lines stay in view. */
const endPx = 40

/** What pods wrote, on all nodes and also when they are gone; events and audit the same way. The search is for a text in the line. */
export function LogsView({ snapshot, route, go }: ViewProps) {
  const [isFollowing, setFollowing] = useState(true)
  const search = useSettled(route.search)
  const { lines, problems, isLoading } = useLogs(queryOf({ ...route, search }), isFollowing)
  const place = useRef<HTMLDivElement>(null)
  const isAtEnd = useRef(true)
  useEffect(() => {
    if (isAtEnd.current && place.current !== null) place.current.scrollTop = place.current.scrollHeight
  }, [lines])
  const onScroll = () => {
    const box = place.current
    if (box !== null) isAtEnd.current = box.scrollHeight - box.scrollTop - box.clientHeight < endPx
  }
  const pods = snapshot.pods.filter(({ namespace }) => route.namespace === '' || namespace === route.namespace)
  return h(
    'main',
    { class: 'logs' },
    h(
      'p',
      { class: 'filters' },
      h(Choice, { label: 'Kind', value: route.kind, options: kinds, onChange: (kind) => go({ kind }) }),
      h(Choice, {
        label: 'Namespace',
        value: route.namespace,
        options: [['', 'all'], ...snapshot.namespaces.map(({ name }) => [name, name] as const)],
        onChange: (namespace) => go({ namespace }),
      }),
      h(PodBox, { value: route.pod, names: pods.map(({ name }) => name), onChange: (pod) => go({ pod }) }),
      h(Choice, {
        label: 'Level',
        value: route.level,
        options: levels.map((level) => [level, level === '' ? 'all' : level] as const),
        onChange: (level) => go({ level }),
      }),
      h('button', { 'aria-pressed': isFollowing, onClick: () => setFollowing(!isFollowing) }, isFollowing ? 'Following' : 'Follow'),
    ),
    problems.map((text) => h('p', { class: 'problem', key: text }, `Not complete: ${text}`)),
    h(
      'div',
      { class: 'lines', ref: place, onScroll, role: 'log', tabIndex: 0 },
      lines.map((line) => h(Line, { key: line.id, line, search })),
      lines.length === 0 ? h('p', { class: 'quiet' }, isLoading ? 'Loading …' : 'No line matches') : null,
    ),
  )
}

/** A text that is typed counts when it stands still. */
function useSettled(text: string): string {
  const [settled, setSettled] = useState(text)
  useEffect(() => {
    const timer = setTimeout(() => setSettled(text), 300)
    return () => clearTimeout(timer)
  }, [text])
  return settled
}

function queryOf({ kind, namespace, pod, level, search, minutes }: Route): string {
  const parameters = Object.entries({ kind, namespace, pod, level, match: search, tail, since: `${minutes}m` })
  return new URLSearchParams(parameters.filter(([, value]) => value !== '')).toString()
}

interface ChoiceProps {
  readonly label: string
  readonly value: string
  readonly options: readonly (readonly [value: string, title: string])[]
  readonly onChange: (value: string) => void
}

function Choice({ label, value, options, onChange }: ChoiceProps) {
  const shown = options.some(([known]) => known === value) ? options : [...options, [value, value] as const]
  return h(
    'label',
    {},
    `${label} `,
    h(
      'select',
      { value, onChange: (event: Event) => onChange((event.target as HTMLSelectElement).value) },
      shown.map(([known, title]) => h('option', { value: known, selected: known === value }, title)),
    ),
  )
}

function PodBox({
  value,
  names,
  onChange,
}: {
  readonly value: string
  readonly names: readonly string[]
  readonly onChange: (name: string) => void
}) {
  return h(
    'label',
    {},
    'Pod ',
    h('input', {
      type: 'search',
      list: 'pods',
      value,
      placeholder: 'all',
      onChange: (event: Event) => onChange((event.target as HTMLInputElement).value.trim()),
    }),
    h(
      'datalist',
      { id: 'pods' },
      names.map((name) => h('option', { value: name })),
    ),
  )
}

function Line({ line, search }: { readonly line: LogLine; readonly search: string }) {
  const { time, level = '', kind = '', namespace, pod, container, node } = line
  const name = pod === undefined ? [kind, namespace ?? node ?? ''].join('/') : `${pod}/${container ?? ''}`
  return h(
    'div',
    { class: `line ${/^[a-z]+$/.test(level) ? level : ''}` },
    h('time', { dateTime: time, title: time }, time.slice(11, 23)),
    h('span', { class: 'name', title: [namespace, pod, container, node].filter(Boolean).join(' / ') }, name),
    h('span', { class: 'text' }, marked(line.text, search)),
  )
}

/** The text, with what was searched for marked. */
function marked(text: string, search: string) {
  const at = search === '' ? -1 : text.indexOf(search)
  return at < 0 ? text : [text.slice(0, at), h('mark', {}, search), text.slice(at + search.length)]
}
