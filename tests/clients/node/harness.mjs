// How the scripts of this folder talk with the test that runs them: lines of JSON.
import { createInterface } from 'node:readline'

const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]()

const read = async () => JSON.parse((await lines.next()).value)
const write = (value) => process.stdout.write(JSON.stringify(value) + '\n')

/** What the test gave the script. */
export const given = await read()

/** Have a person open a page; resolves to the address that the person was sent to in the end. */
export async function open(url) {
  write({ open: String(url) })
  return new URL(await read())
}

/** Give the result and end. */
export function tell(result) {
  write({ result })
  process.stdin.destroy()
}

/** What a refusal said: the status and OAuth error of a promise that has to fail; a challenge leaves the body unread. */
export async function refusal(promise) {
  try {
    await promise
  } catch (error) {
    const answer = error.response ?? error.cause
    const said = error.error ?? (answer instanceof Response && !answer.bodyUsed ? (await answer.json()).error : undefined)
    return { status: error.status, error: said, code: error.code, message: error.message }
  }
  throw new Error('this was not refused')
}
