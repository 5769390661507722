// The client of a server: a secret key that may read, write and order.
import { findBaseUrl } from './base_url.js'
import { collectionsBy } from './browser.js'
import type { AnyCollections, Catalog } from './catalog.js'
import { makeCollection, type Collection, type Entry } from './collection.js'
import { requireClientKey, requireSecretKey } from './keys.js'
import { makeOrders, type Orders } from './orders.js'
import { makeServerOAuth, type ServerOAuth } from './server_oauth.js'
import { makeSend, type TransportOptions } from './transport.js'

/** What a server client is made of. */
export interface ServerClientOptions extends TransportOptions {
  /** The key that begins with `pk_`. */
  clientKey: string | undefined
  /** The key that begins with `sk_`; it must never leave the server. */
  secretKey: string | undefined
}

/** The client of a server. */
export interface ServerClient<C extends Catalog<C> = AnyCollections> {
  /** A collection by its name. */
  from<S extends keyof C & string>(slug: S): Collection<C[S]>
  /** Every collection under its name. */
  readonly collections: { readonly [S in keyof C]: Collection<C[S]> }
  /** Orders. */
  readonly api: Orders
  /** Access tokens for this server and for jobs. */
  readonly oauth: ServerOAuth
}

/**
 * Make the client of a server.
 *
 * Throws a `WatchwordError` at once where a key is missing or of another kind, and in a browser.
 */
export function createServerClient<C extends Catalog<C> = AnyCollections>(options: ServerClientOptions): ServerClient<C> {
  const clientKey = requireClientKey(options.clientKey)
  const secretKey = requireSecretKey(options.secretKey, clientKey)
  const baseUrl = findBaseUrl(options.baseUrl)
  const send = makeSend(baseUrl, { 'X-API-Key': secretKey, 'X-Client-Key': clientKey }, options)
  const from = (slug: string) => makeCollection<Entry>(send, slug)
  return {
    from,
    collections: collectionsBy(from),
    api: makeOrders(send),
    oauth: makeServerOAuth(makeSend(baseUrl, {}, options), secretKey),
  } as unknown as ServerClient<C>
}

export { WatchwordError } from './errors.js'
export { generateOrderNumber } from './order_number.js'
