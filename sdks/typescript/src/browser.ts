// The client of a page or an app: a client key that anyone may see, and the session of whoever signs in.
import { findBaseUrl } from './base_url.js'
import type { AnyCollections, BrowserCollection, Catalog } from './catalog.js'
import { makeCollection, type Entry } from './collection.js'
import { requireClientKey } from './keys.js'
import { makeBrowserOAuth, type BrowserOAuth } from './oauth.js'
import { makeSession, type AuthState, type SessionOptions } from './session.js'
import { makeSend, type TransportOptions } from './transport.js'
import { makeUsers, type Users } from './users.js'

/** What a browser client is made of. */
export interface BrowserClientOptions extends TransportOptions, SessionOptions {
  /** The key that begins with `pk_`; it names tenant and mode, and reads what is public. */
  clientKey: string | undefined
}

/** The client of a page or an app. */
export interface BrowserClient<C extends Catalog<C> = AnyCollections> {
  /** A collection by its name. */
  from<S extends keyof C & string>(slug: S): BrowserCollection<C[S]>
  /** Every collection under its name, and `users`. */
  readonly collections: { readonly [S in keyof C]: BrowserCollection<C[S]> } & { readonly users: Users }
  /** Signing in on the server's own pages. */
  readonly oauth: BrowserOAuth
  /** Be told from now on of what the option of this name is told of; call what comes back to be told no more. */
  onAuthStateChange(listener: (state: AuthState) => void): () => void
  /** Whether somebody is signed in; in cookie mode undefined until `users.me` or a sign-in has told. */
  readonly signedIn: boolean | undefined
  /** The session's token of now, for servers of your own; undefined where nobody is signed in, and in cookie mode. */
  readonly token: string | undefined
}

/**
 * Make the client of a page or an app.
 *
 * Throws a `WatchwordError` at once where the key is missing, is no client key, or is a secret one.
 */
export function createBrowserClient<C extends Catalog<C> = AnyCollections>(options: BrowserClientOptions): BrowserClient<C> {
  const key = requireClientKey(options.clientKey)
  const name = `watchword:${key}`
  const transport = makeSend(findBaseUrl(options.baseUrl), { 'X-Client-Key': key }, options)
  const session = makeSession(transport, name, options)
  const users = makeUsers(transport, session, !!options.cookie)
  const from = (slug: string) => makeCollection<Entry>(session.send, slug)
  const client = {
    from,
    collections: collectionsBy(from, { users }),
    oauth: makeBrowserOAuth(transport, session, name),
    onAuthStateChange: session.listen,
  }
  return Object.defineProperties(client, {
    // Not listed among its properties: whoever prints a client must not print the token.
    token: { get: () => session.peek()?.token },
    signedIn: { get: () => !!session.peek() || (options.cookie ? undefined : false) },
  }) as unknown as BrowserClient<C>
}

/** Make an object that has every collection under its name. */
export function collectionsBy(from: (slug: string) => unknown, own: Record<string, unknown> = {}): unknown {
  // `then` is what `await` looks for: the object is no promise.
  return new Proxy(own, { get: (_, slug) => (typeof slug !== 'string' || slug === 'then' ? undefined : own[slug] ?? from(slug)) })
}
