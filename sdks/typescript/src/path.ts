import { setupError } from './errors.js'

/** Write a text as one segment of a path, which leads nowhere else whatever it holds. */
export function segment(text: string): string {
  if (/^\.{0,2}$/.test(text)) throw setupError('WRONG_ID', `No id, number or name is "${text}".`)
  return encodeURIComponent(text)
}
