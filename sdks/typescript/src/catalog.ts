// The collections that come ready, as types; `npx @watchword/sdk types` writes those of your own server.
import type { Collection, Entry, ReadCollection } from './collection.js'
import type { NewOrder, Order, OrderChange } from './orders.js'

interface Product {
  id: string
  name: string
  /** In the currency's minor unit: cents for USD, won for KRW. */
  price: number
  /** ISO 4217. */
  currency: string
  sku?: string
  description?: string
  stock?: number
  status: 'draft' | 'published' | 'archived'
  createdAt: string
  updatedAt: string
}

interface NewProduct {
  name: string
  price: number
  currency?: string
  sku?: string | null
  description?: string | null
  stock?: number | null
  status?: Product['status']
}

/** The collections of a server whose types were not generated: products, orders, and any other name. */
export interface AnyCollections {
  products: { document: Product; create: NewProduct; change: Partial<NewProduct>; public: true }
  orders: { document: Order; create: NewOrder; change: OrderChange; public: false }
  [slug: string]: { document: any; create: any; change: any; public: boolean }
}

export type { NewProduct, Product }

/** All collections of a server, by name. */
export type Catalog<C> = { [S in keyof C]: Entry }

/** A collection as a browser has it: public ones are read-only. */
export type BrowserCollection<E extends Entry> = E['public'] extends false ? Collection<E> : ReadCollection<E>
