import { describe, expect, it } from 'vitest'
import { textMap } from './interpreter.ts'
import { TemplateSet } from './template-set.ts'
import { timeThing } from './time.ts'
import { Thing, toText } from './value.ts'

const now = Date.UTC(2030, 0, 2, 15, 4, 5)
const data = new Thing({
  fields: {
    Name: 'binnacle',
    Count: 3,
    Words: ['a', 'b', 'c'],
    Labels: textMap([
      ['z', 'last'],
      ['a', '<first>'],
    ]),
    At: timeThing(Date.UTC(2030, 0, 2, 3, 4, 5, 60)),
    Inner: new Thing({ fields: { Deep: 'x', Twice: { call: ([value]) => toText(value).repeat(2) } } }),
  },
})

function render(text: string, mode: 'text' | 'html' = 'text'): string {
  return new TemplateSet().compile(text, mode).render(data, now)
}

describe('templates', () => {
  it.each([
    ['plain', 'plain'],
    ['{{ .Name }} {{ .Inner.Deep }}', 'binnacle x'],
    ['a {{- /* gone */ -}} b', 'ab'],
    ['a {{- 1 -}} b {{ 2 }}', 'a1b 2'],
    ['{{ if .Count }}yes{{ else }}no{{ end }}', 'yes'],
    ['{{ if eq .Count 1 }}1{{ else if eq .Count 2 3 }}2 or 3{{ else }}more{{ end }}', '2 or 3'],
    ['{{ with .Labels.none }}x{{ else }}none{{ end }}', 'none'],
    ['{{ range .Words }}<{{ . }}>{{ else }}empty{{ end }}', '<a><b><c>'],
    ['{{ range $i, $w := .Words }}{{ if $i }}, {{ end }}{{ $i }}={{ $w }}{{ end }}', '0=a, 1=b, 2=c'],
    ['{{ range $k, $v := .Labels }}{{ $k }}={{ $v }};{{ end }}', 'a=<first>;z=last;'],
    ['{{ range .Words }}{{ if eq . "b" }}{{ continue }}{{ end }}{{ . }}{{ if eq . "c" }}{{ break }}{{ end }}{{ end }}', 'ac'],
    ['{{ range 3 }}{{ . }}{{ end }}', '012'],
    ['{{ $x := 1 }}{{ if true }}{{ $x = 2 }}{{ $y := 3 }}{{ end }}{{ $x }}', '2'],
    ['{{ $.Name }}{{ range .Words }}{{ $.Count }}{{ end }}', 'binnacle333'],
    ['{{ define "t" }}[{{ . }}]{{ end }}{{ template "t" .Name }}{{ template "t" }}', '[binnacle][<no value>]'],
    ['{{ block "b" .Count }}{{ . }}!{{ end }}', '3!'],
    ['{{ .Name | printf "%s-%s|%%" "x" }}', 'x-binnacle|%'],
    ['{{ with .Labels.none | or .Name }}{{ . }}{{ end }}', 'binnacle'],
    ['{{ printf "%05d|%-4s|%4s|%q|%.2f|%t|%x" 42 "a" "b" "q\\"" 1.5 true 255 }}', '00042|a   |   b|"q\\""|1.50|true|ff'],
    ['{{ .Inner.Twice "ab" | toUpper }}', 'ABAB'],
    ['{{ (index .Words 1) }}{{ len .Words }}{{ index .Labels "a" }}', 'b3<first>'],
    ['{{ and .Name .Count }}{{ or "" 0 "x" }}{{ not .Name }}', '3xfalse'],
    ['{{ and false (index .Words 99) }}', 'false'],
    ['{{ join ", " .Words }} {{ stringSlice "x" "y" | join "+" }}', 'a, b, c x+y'],
    ['{{ reReplaceAll "(\\\\w)(\\\\d)" "$2${1}" "a1 b2" }}{{ match "^b.n" .Name }}', '1a 2btrue'],
    ['{{ title "hello wide-world" }} {{ trimSpace "  x " }}', 'Hello Wide-World x'],
    ['{{ date "Mon Jan _2 15:04:05.000 MST 2006" .At }}', 'Wed Jan  2 03:04:05.060 UTC 2030'],
    ['{{ .At | tz "Europe/Berlin" | date "2006-01-02T15:04:05Z07:00" }}', '2030-01-02T04:04:05+01:00'],
    ['{{ .At.Format "3:04PM, 02/01/06" }} {{ .At.Unix }} {{ (.At.UTC).Year }}', '3:04AM, 02/01/30 1893553445 2030'],
    ['{{ since .At | humanizeDuration }} {{ humanizeDuration 3661 }} {{ since .At }}', '11h 59m 59s 1h 1m 1s 11h59m59.94s'],
    ['{{ with dict "k" "v" "n" 2 }}{{ .k }}{{ .n }}{{ end }}', 'v2'],
    ['{{ len (append (list 1 2) 3) }}{{ tojson (dict "a" (list "x" 1)) }}', '3{"a":["x",1]}'],
    ['{{ html "<a>" }} {{ urlquery "a b&c" }} {{ print 1 2 "x" }} {{ println "x" }}', '&lt;a&gt; a+b%26c 1 2x x\n'],
    ['{{ `raw\\n` }}{{ "tab\\t\\u00e9" }}{{ slice "abcdef" 1 3 }}', 'raw\\ntab\tébc'],
    ['{{ lt 1 2 }}{{ ge "b" "a" }}{{ ne 1 1 }}', 'truetruefalse'],
  ])('renders %j', (text, expected) => {
    expect(render(text)).toBe(expected)
  })

  it.each([
    ['{{ .Name', /template:1: a \{\{ has no \}\}/],
    ['x\n{{ nothing }}', /template:2: function "nothing" is not defined/],
    ['{{ $x }}', /variable \$x is not defined/],
    ['{{ if true }}', /\{\{end\}\} is missing/],
    ['{{ end }}', /unexpected \{\{end\}\}/],
    ['{{ template "none" . }}', /template "none" is not defined/],
    ['{{ break }}', /outside of \{\{range\}\}/],
    ['{{ "a" "b" }}', /cannot take arguments/],
    ['{{ call .Name }}', /function "call" is not defined/],
    [`${'{{ if true }}'.repeat(200)}${'{{ end }}'.repeat(200)}`, /nested deeper than/],
    [`{{ ${'('.repeat(5000)} }}`, /nested deeper than/],
    ['x{{ }}', /a value is missing/],
  ])('refuses %j when it is read', (text, message) => {
    expect(() => new TemplateSet().compile(text)).toThrow(message)
  })

  it.each([
    ['calls itself without end', '{{ define "t" }}{{ template "t" . }}{{ end }}{{ template "t" . }}', /more than 50 deep/],
    ['goes round without end', '{{ range 1000000000 }}{{ end }}', /more than 200000 steps/],
    ['writes without end', '{{ range 100000 }}0123456789{{ end }}', /longer than 524288 characters/],
    ['doubles a text without end', '{{ $x := "0123456789" }}{{ range 60 }}{{ $x = print $x $x }}{{ end }}', /too much text/],
    [
      'doubles a list without end',
      '{{ $x := list 1 2 }}{{ range 60 }}{{ $x = list $x $x }}{{ end }}{{ toJson $x }}',
      /too much text|too large/,
    ],
    ['gives a large pattern a long text', `{{ match "(?:a?){500}a{500}[b-c]" "${'a'.repeat(200_000)}" }}`, /too much text/],
    ['makes a wide number', '{{ printf "%999999999d" 1 }}', /wider than 1000/],
    ['names a field that is not there', '{{ .Missing }}', /no field .Missing; there are Name/],
    ['looks for a method of its own', '{{ .constructor }}', /no field .constructor/],
    ['calls a function of the language', '{{ .Labels.SortedPairs.__proto__ }}', /has no field .__proto__/],
    ['compares what cannot be', '{{ eq 1 "1" }}', /different types/],
    ['asks for an element that is not there', '{{ index .Words 7 }}', /out of range/],
  ])('ends one that %s', (_what, text, message) => {
    expect(() => render(text)).toThrow(message)
  })

  it('takes a hostile pattern without stopping the process', () => {
    const started = performance.now()
    expect(render(`{{ match "(a+)+$" "${'a'.repeat(20_000)}b" }}`)).toBe('false')
    expect(performance.now() - started).toBeLessThan(5000)
  })

  it('escapes values in HTML, and keeps links to what links are', () => {
    const evil = new Thing({ fields: { X: `"><script>alert('x')</script>`, Link: 'javascript:alert(1)', Url: 'https://x/?a=1&b="2"' } })
    const html = (text: string) => new TemplateSet().compile(text, 'html').render(evil, now)
    expect(html('<b>{{ .X }}</b>')).toBe('<b>&#34;&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;</b>')
    expect(html('<a href="{{ .Link }}">')).toBe('<a href="#refused">')
    expect(html('<a href="{{ .Url }}">')).toBe('<a href="https://x/?a=1&amp;b=&#34;2&#34;">')
    expect(html('<b class={{ .X }}>')).not.toMatch(/class=[^>]*[ "'>]script/)
    expect(html('{{ .X | safeHtml }}')).toBe(`"><script>alert('x')</script>`)
  })

  it('takes definitions from files, later ones before earlier ones', () => {
    const set = new TemplateSet()
    set.add('a.tmpl', '{{ define "greet" }}a {{ . }}{{ end }}{{ define "both" }}{{ template "greet" . }}!{{ end }}')
    set.add('b.tmpl', '{{ define "greet" }}b {{ . }}{{ end }}')
    expect(set.compile('{{ template "both" .Name }}').render(data, now)).toBe('b binnacle!')
  })
})
