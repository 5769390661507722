// Orders, for servers: made at once with their stock, and walked through their life.
import { resultOf, type Result } from './collection.js'
import { segment } from './path.js'
import type { Send } from './transport.js'

export type OrderStatus =
  | 'pending'
  | 'paid'
  | 'failed'
  | 'canceled'
  | 'preparing'
  | 'shipped'
  | 'delivered'
  | 'confirmed'
  | 'return_requested'
  | 'return_processing'
  | 'returned'

/** An order as it stands; amounts are integers in the currency's minor unit. */
export interface Order {
  id: string
  orderNumber: string
  status: OrderStatus
  /** ISO 4217. */
  currency: string
  totalAmount: number
  email?: string
  customerSnapshot?: Customer
  orderProducts: OrderProduct[]
  shippingAddress?: ShippingAddress
  paymentId?: string
  notes?: string
  createdAt: string
  updatedAt: string
}

/** One line of an order, with the product's name and price when it was ordered. */
export interface OrderProduct {
  product: string
  name: string
  sku?: string
  variant?: string
  option?: string
  quantity: number
  unitPrice: number
  totalPrice: number
  /** Whether these pieces are taken from the product's stock. */
  stockTaken: boolean
}

/** Who ordered, as known at that time. */
export interface Customer {
  name?: string
  email?: string
  phone?: string
}

/** Where it goes. */
export interface ShippingAddress {
  recipientName?: string
  phone?: string
  postalCode?: string
  address1?: string
  address2?: string
  deliveryMessage?: string
}

/** What is ordered. */
export interface NewOrder {
  /** Made by the server when left out; `generateOrderNumber()` makes one here. */
  orderNumber?: string
  orderProducts: NewOrderProduct[]
  /** Must be what the products come to. */
  totalAmount: number
  /** Another word for `customerSnapshot.email`. */
  email?: string
  customerSnapshot?: Customer
  /** `address` and `zipCode` are other words for `address1` and `postalCode`. */
  shippingAddress?: ShippingAddress & { address?: string; zipCode?: string }
  paymentId?: string
  notes?: string
}

/** How many of a product; a price that is sent must be the product's, and `price` is another word for `unitPrice`. */
export interface NewOrderProduct {
  product: string
  quantity: number
  unitPrice?: number
  price?: number
  variant?: string
  option?: string
}

/** What may be changed of an order; null takes a field away. */
export interface OrderChange {
  status?: OrderStatus | 'cancelled'
  email?: string | null
  customerSnapshot?: Customer | null
  shippingAddress?: NewOrder['shippingAddress'] | null
  paymentId?: string | null
  notes?: string | null
}

/** Orders. */
export interface Orders {
  /** Make an order: stock is taken, and the total checked, in one step. */
  createOrder(order: NewOrder): Promise<Result<Order>>
  /** Take an order to its next state, or change what may be changed. */
  updateOrder(change: OrderChange & { orderNumber: string }): Promise<Result<Order>>
  /** Read an order by its number. */
  getOrder(which: { orderNumber: string }): Promise<Result<Order>>
}

/** Make the orders of a server client. */
export function makeOrders(send: Send): Orders {
  const path = (orderNumber: string) => `/api/orders/by-number/${segment(orderNumber)}`
  return {
    createOrder: (order) => resultOf(() => send({ method: 'POST', path: '/api/orders', json: order }), (body) => body.doc),
    updateOrder: ({ orderNumber, ...change }) =>
      resultOf(async () => send({ method: 'PATCH', path: path(orderNumber), json: change }), (body) => body.doc),
    getOrder: ({ orderNumber }) => resultOf(async () => send({ method: 'GET', path: path(orderNumber) }), (body) => body),
  }
}
