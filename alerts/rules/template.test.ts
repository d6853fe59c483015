import { describe, expect, it } from 'vitest'
import { TemplateError, compileTemplate } from './template.ts'

const scope = { lookup: (path: readonly string[]) => ({ $value: 1536, '$labels.pod': 'web-1', '.Status': 'firing' })[path.join('.')] }

describe('templates', () => {
  it.each([
    ['plain', 'plain'],
    ['{{ $labels.pod }}: {{ $value }}', 'web-1: 1536'],
    ['{{$value|humanize}} {{ $value | humanize1024 }}', '1.536k 1.5Ki'],
    ['{{ humanize1024 $value }}B', '1.5KiB'],
    ['{{ $value | humanizePercentage }}', '153600%'],
    ['{{ $value | humanizeDuration }}', '25m36s'],
    ['{{ $value | printf "%.1f cores" }}', '1536.0 cores'],
    ['{{ .Status | toUpper }}', 'FIRING'],
    ['[{{ $labels.absent }}]', '[]'],
  ])('%s renders as %s', (source, text) => {
    expect(compileTemplate(source).render(scope)).toBe(text)
  })

  it.each(['{{ $value', '{{ }}', '{{ if $value }}x{{ end }}', '{{ $value | exec }}', '{{ $value | constructor }}', '{{ template "x" . }}'])(
    'refuses %s',
    (source) => {
      expect(() => compileTemplate(source)).toThrow(TemplateError)
    },
  )
})
