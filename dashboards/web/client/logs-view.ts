import { h } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import { LogLines, zoneName } from './log-lines.ts'
import { useLogs } from './log-stream.ts'
import type { Route } from './route.ts'
import type { ViewProps } from './views.ts'

const levels = ['', 'trace', 'debug', 'info', 'warn', 'error', 'fatal'] as const
/** What nodes themselves write is of no namespace and no pod. */
const ofNodes = 'file,journal'
const kinds = [
  ['container', 'Pods'],
  ['events', 'Events'],
  ['audit', 'Audit'],
  [ofNodes, 'Nodes'],
] as const
const tail = '500'

/** What pods wrote, on all nodes and also when they are gone; events and audit the same way. The search is for a text in the line. */
export function LogsView({ snapshot, route, go }: ViewProps) {
  const [isFollowing, setFollowing] = useState(true)
  const search = useSettled(route.search)
  const { lines, problems, isLoading } = useLogs(queryOf({ ...route, search }), isFollowing)
  const pods = snapshot.pods.filter(({ namespace }) => route.namespace === '' || namespace === route.namespace)
  return h(
    'main',
    { class: 'logs' },
    h(
      'p',
      { class: 'filters' },
      h(Choice, { label: 'Kind', value: route.kind, options: kinds, onChange: (kind) => go({ kind }) }),
      route.kind === ofNodes
        ? null
        : [
            h(Choice, {
              label: 'Namespace',
              value: route.namespace,
              options: [['', 'all'], ...snapshot.namespaces.map(({ name }) => [name, name] as const)],
              onChange: (namespace) => go({ namespace }),
            }),
            h(PodBox, { value: route.pod, names: pods.map(({ name }) => name), onChange: (pod) => go({ pod }) }),
          ],
      h(Choice, {
        label: 'Level',
        value: route.level,
        options: levels.map((level) => [level, level === '' ? 'all' : level] as const),
        onChange: (level) => go({ level }),
      }),
      h('button', { 'aria-pressed': isFollowing, onClick: () => setFollowing(!isFollowing) }, isFollowing ? 'Following' : 'Follow'),
      h('span', { class: 'quiet' }, `Times in ${zoneName()}; UTC in the tooltip and in what is copied`),
    ),
    problems.map((text) => h('p', { class: 'problem', key: text }, `Not complete: ${text}`)),
    h(LogLines, { lines, search, empty: isLoading ? 'Loading …' : 'No line matches' }),
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
  const subject = kind === ofNodes ? {} : { namespace, pod }
  const parameters = Object.entries({ kind, ...subject, level, match: search, tail, since: `${minutes}m` })
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
