/**
 * Replaces `$(NAME)` by the variable's value; `$$(NAME)` stays as `$(NAME)`, and names that are not known stay as they are.
 * Rules as Kubernetes documents them for command, args and env.
 */
export function expandVariables(text: string, valueOf: (name: string) => string | undefined): string {
  let result = ''
  for (let index = 0; index < text.length; index++) {
    const character = text[index]!
    const next = text[index + 1]
    if (character !== '$' || next === undefined) {
      result += character
    } else if (next === '$') {
      result += '$'
      index++
    } else if (next === '(') {
      const end = text.indexOf(')', index + 2)
      if (end < 0) {
        result += '$('
        index++
      } else {
        const name = text.slice(index + 2, end)
        result += valueOf(name) ?? `$(${name})`
        index = end
      }
    } else {
      result += character
    }
  }
  return result
}
