import type { Board } from './board.ts'
import { variables } from './scope.ts'

const chosen = { namespace: '$namespace', text: '$search' } as const

/** What happened in the cluster, over time and as a list. */
export const eventsBoard: Board = {
  uid: 'binnacle-events',
  title: 'Binnacle / Events',
  description: 'Events of the cluster, kept for as long as the database keeps them. The text box takes a regular expression.',
  variables: [
    variables.cluster,
    variables.namespace,
    { kind: 'choice', name: 'type', label: 'Type', values: ['Normal', 'Warning'] },
    { kind: 'text', name: 'search', label: 'Search', value: '.*' },
  ],
  sections: [
    {
      panels: [
        {
          kind: 'event-chart',
          title: 'Events over time',
          description: 'How many events there were in each interval. Many warnings at once: something broke for many at the same time.',
          span: 24,
          height: 7,
          queries: [
            { ...chosen, type: 'Warning', alias: 'warnings' },
            { ...chosen, type: 'Normal', alias: 'normal' },
          ],
        },
        {
          kind: 'event-table',
          title: 'Events',
          description: 'The newest 500 events that match, newest first.',
          span: 24,
          height: 18,
          query: { ...chosen, type: '$type' },
        },
      ],
    },
  ],
}
