/** Whether a text is of a form in which `*` stands for any text. Takes time in proportion to both. */
export function matchesWildcard(form: string, text: string): boolean {
  let at = 0
  let formAt = 0
  let star = -1
  let starAt = 0
  while (at < text.length) {
    if (formAt < form.length && form[formAt] === '*') {
      star = formAt++
      starAt = at
    } else if (formAt < form.length && form[formAt] === text[at]) {
      formAt++
      at++
    } else if (star >= 0) {
      formAt = star + 1
      at = ++starAt
    } else return false
  }
  while (form[formAt] === '*') formAt++
  return formAt === form.length
}
