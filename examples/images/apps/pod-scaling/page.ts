/** What a page shows about the container that made it. */
export interface PageFacts {
  readonly title: string
  readonly colour: string
  readonly version: string
  readonly rows: readonly (readonly [string, string])[]
}

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

/** The page as HTML; every fact is escaped. */
export function renderPage({ title, colour, version, rows }: PageFacts): string {
  const body = rows.map(([name, value]) => `<tr><th>${escape(name)}</th><td>${escape(value)}</td></tr>`).join('\n')
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>${escape(title)}</title>
<style>
body { margin: 0; font-family: sans-serif; color: #1a202c }
h1 { margin: 0; padding: 1.2rem 2rem; color: #fff; background: ${/^#[0-9a-f]{6}$/i.test(colour) ? colour : '#2b6cb0'} }
table { margin: 1.5rem 2rem; border-collapse: collapse } th { text-align: left; padding: .3rem 2rem .3rem 0 } td { font-family: monospace }
</style></head>
<body><h1>${escape(title)} ${escape(version)}</h1>
<table>
${body}
</table></body></html>
`
}

function escape(text: string): string {
  return text.replaceAll(/[&<>"']/g, (character) => entities[character]!)
}
