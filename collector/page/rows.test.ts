import { expect, test } from 'vitest'
import { asTree, filterRows, rowsOf, sortRows, toCsv } from './client/rows.ts'

const rates = (cpu: number | undefined, changes: object = {}) => ({
  started: '2026-01-01T00:00:00Z',
  nearest_limits: {},
  figures: cpu === undefined ? {} : { cpu_usage_cores: cpu },
  ...changes,
})
const rows = rowsOf({
  '/': rates(2),
  '/docker': rates(1),
  '/docker/aaa': rates(0.2, { aliases: ['=cmd()', 'aaa'], image: 'shop/"web",1' }),
  '/kubepods/besteffort/pod1/x': rates(undefined, {
    aliases: ['k8s_x'],
    image: 'db',
    pod: { name: 'db-0', namespace: 'shop', container: 'db', isSandbox: false },
  }),
})
const names = (list: readonly { readonly name: string }[]) => list.map(({ name }) => name)

test('containers have the names that people give them', () => {
  expect(rows.map(({ title }) => title)).toEqual(['the machine', '/docker', '=cmd()', 'shop/db-0/db'])
})

test('what has no value comes last in either direction', () => {
  expect(names(sortRows(rows, '-cpu_usage_cores'))).toEqual(['/', '/docker', '/docker/aaa', '/kubepods/besteffort/pod1/x'])
  expect(names(sortRows(rows, 'cpu_usage_cores')).at(-1)).toBe('/kubepods/besteffort/pod1/x')
})

test('a search has to have all its words, in name, path or image', () => {
  expect(names(filterRows(rows, ' DB  shop '))).toEqual(['/kubepods/besteffort/pod1/x'])
  expect(filterRows(rows, '')).toHaveLength(4)
})

test('the tree hangs a container below the nearest one above that is shown, and folds', () => {
  const depths = (closed: readonly string[]) => asTree(rows, new Set(closed)).map(({ name, depth }) => `${depth} ${name}`)
  expect(depths([])).toEqual(['0 /', '1 /docker', '2 /docker/aaa', '1 /kubepods/besteffort/pod1/x'])
  expect(depths(['/docker'])).toEqual(['0 /', '1 /docker', '1 /kubepods/besteffort/pod1/x'])
  expect(asTree(filterRows(rows, 'aaa'), new Set()).map(({ depth }) => depth)).toEqual([0])
})

test('a table for spreadsheets has no formula that a container brought along', () => {
  const [head, , , line] = toCsv(rows, ['cpu_usage_cores']).split('\n')
  expect(head).toBe('cgroup,name,image,cpu_usage_cores')
  expect(line).toBe(`/docker/aaa,'=cmd(),"shop/""web"",1",0.2`)
})
