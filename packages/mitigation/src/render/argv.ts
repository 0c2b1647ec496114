import { linesOf, RenderError } from './dialect.ts'

/**
 * Commands as text a person can read and a hash can cover, and as the argument lists that are really run (no shell is). Words with
 * characters a shell would act on are shown in single quotes; no word holds a quote, a blank or a line end.
 */
const PLAIN = /^[A-Za-z0-9._:/=,-]+$/
const WORD = /^[A-Za-z0-9._:/=,&<>![\]-]+$/

/** One line of text for one argument list. Throws RenderError `unreadable` for a word outside the alphabet. */
export function commandText(argv: readonly string[], dialect: string): string {
  return `${argv
    .map((word) => {
      if (!WORD.test(word)) throw new RenderError('unreadable', dialect, 'a word holds a character that no command of ours has')
      return PLAIN.test(word) ? word : `'${word}'`
    })
    .join(' ')}\n`
}

/** The argument lists of such a text, one per line, program first: what to run, in order. Throws RenderError `unreadable`. */
export function commandsOf(text: string, dialect: string): string[][] {
  return linesOf(text).map((line) =>
    line.split(' ').map((shown) => {
      const word = /^'(.+)'$/.exec(shown)?.[1] ?? shown
      if (!WORD.test(word) || (word === shown) !== PLAIN.test(word))
        throw new RenderError('unreadable', dialect, 'a word is out of its form')
      return word
    }),
  )
}
