const maxWidth = 40

/** A whale that says the text in a bubble of at most 40 columns. */
export function sayInBubble(text: string): string {
  const lines = wrap(text.replaceAll(/\r?\n/g, ' '))
  const width = Math.max(...lines.map((line) => line.length))
  const border = '-'.repeat(width + 2)
  const body = lines.map((line, index) => {
    const [left, right] = lines.length === 1 ? '<>' : index === 0 ? '/\\' : index === lines.length - 1 ? '\\/' : '||'
    return `${left} ${line.padEnd(width)} ${right}`
  })
  return [` ${border}`, ...body, ` ${border}`, whale].join('\n')
}

function wrap(text: string): readonly string[] {
  const lines = ['']
  for (const word of text.split(/\s+/).filter((part) => part !== '')) {
    const line = lines.at(-1)!
    if (line === '') lines[lines.length - 1] = word
    else if (line.length + 1 + word.length <= maxWidth) lines[lines.length - 1] = `${line} ${word}`
    else lines.push(word)
  }
  return lines
}

const whale = String.raw`    \
     \        .-"""""-.      |\ /|
      \     .'         '.     \|/
          /    o         \____/ /
   ~~~~~~ |  ._____                / ~~~~~
           \______________________/
`
