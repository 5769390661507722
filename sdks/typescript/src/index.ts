// All of the package; a bundler leaves out what a page does not use.
export { createBrowserClient, type BrowserClient, type BrowserClientOptions } from './browser.js'
export { createServerClient, type ServerClient, type ServerClientOptions } from './server.js'
export { WatchwordError, type FieldFault } from './errors.js'
export { generateOrderNumber } from './order_number.js'
export type { AnyCollections, BrowserCollection, Catalog, NewProduct, Product } from './catalog.js'
export type { Collection, Entry, Page, Pagination, ReadCollection, Result } from './collection.js'
export type { AuthorizeOptions, Authorized, BrowserOAuth } from './oauth.js'
export type {
  Customer,
  NewOrder,
  NewOrderProduct,
  Order,
  OrderChange,
  OrderProduct,
  Orders,
  OrderStatus,
  ShippingAddress,
} from './orders.js'
export type { FindOptions, Where } from './query.js'
export type { ClientOptions, ExchangeOptions, ServerOAuth, Token } from './server_oauth.js'
export type { AuthState, SessionOptions, SessionStorage, User } from './session.js'
export type { DebugOptions, RateLimit, RetryOptions, TransportOptions } from './transport.js'
export type { AccountChange, SessionInfo, SignedIn, Users } from './users.js'
