// Keys as they are handed over: refused at once where they are missing, of the wrong kind or in the wrong place.
import { setupError } from './errors.js'

const wrong = (message: string) => setupError('WRONG_KEY', message)

/** Return a client key that may be one; the server says whether it is. */
export function requireClientKey(key: string | undefined): string {
  if (!key) throw setupError('MISSING_KEY', 'clientKey is missing or empty: is its environment variable set?')
  if (key.startsWith('sk')) {
    throw setupError(
      'SECRET_KEY_IN_BROWSER',
      'A secret key was given as clientKey. It must never reach a browser: use the key that begins with pk_, and replace the secret one.',
    )
  }
  if (!/^pk_\w+$/.test(key)) throw wrong('clientKey is not a client key: those begin with pk_live_ or pk_test_.')
  return key
}

/** Return a secret key that may be one, outside of browsers. */
export function requireSecretKey(key: string | undefined, clientKey: string): string {
  if (isBrowser()) {
    throw setupError(
      'SECRET_KEY_IN_BROWSER',
      'createServerClient was called in a browser. A secret key must never get there: use createBrowserClient.',
    )
  }
  if (!key) throw setupError('MISSING_KEY', 'secretKey is missing or empty: is its environment variable set?')
  if (!/^sk_\w+$/.test(key)) throw wrong('secretKey is not a secret key: those begin with sk_live_ or sk_test_.')
  const mode = /^.k_(live|test)_/
  const [own, other] = [mode.exec(key)?.[1], mode.exec(clientKey)?.[1]]
  if (own && other && own !== other) throw wrong(`secretKey is a ${own} key and clientKey a ${other} key: they see different data.`)
  return key
}

/** Say whether this is a page, or a worker of a page: servers have no document, and do not call themselves Mozilla. */
function isBrowser(): boolean {
  const here = globalThis as { document?: unknown; window?: unknown; navigator?: { userAgent?: string } }
  return (!!here.window && !!here.document) || !!here.navigator?.userAgent?.startsWith('Mozilla/')
}
