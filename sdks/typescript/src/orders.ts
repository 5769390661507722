// Orders, for servers: made at once with their stock, and walked through their life.
import { resultOf, type Result } from './collection.js'
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
  totalAmount: number
  currency: string
  orderProducts: OrderProduct[]
  createdAt: string
  updatedAt: string
  [field: string]: unknown
}

/** One line of an order. */
export interface OrderProduct {
  product: string
  quantity: number
  unitPrice: number
  [field: string]: unknown
}

/** What is ordered; `price` is taken for `unitPrice`, and `email` for the snapshot's. */
export interface NewOrder {
  /** Made by the server when left out. */
  orderNumber?: string
  orderProducts: { product: string; variant?: string; option?: string; quantity: number; unitPrice?: number; price?: number }[]
  /** Checked against the products' prices. */
  totalAmount: number
  email?: string
  customerSnapshot?: { name?: string; email?: string; phone?: string }
  shippingAddress?: Record<string, string>
  paymentId?: string
  notes?: string
}

/** A change of an order, which is named by its number. */
export interface OrderChange {
  orderNumber: string
  status?: OrderStatus
  notes?: string
  shippingAddress?: Record<string, string>
}

/** Orders. */
export interface Orders {
  /** Make an order: stock is taken, and the total checked, in one step. */
  createOrder(order: NewOrder): Promise<Result<Order>>
  /** Take an order to its next state, or change what may be changed. */
  updateOrder(change: OrderChange): Promise<Result<Order>>
  /** Read an order by its number. */
  getOrder(which: { orderNumber: string }): Promise<Result<Order>>
}

/** Make the orders of a server client. */
export function makeOrders(send: Send): Orders {
  const path = (orderNumber: string) => `/api/orders/by-number/${encodeURIComponent(orderNumber)}`
  return {
    createOrder: (order) => resultOf(send({ method: 'POST', path: '/api/orders', json: order }), (body) => body.doc),
    updateOrder: ({ orderNumber, ...change }) =>
      resultOf(send({ method: 'PATCH', path: path(orderNumber), json: change }), (body) => body.doc),
    getOrder: ({ orderNumber }) => resultOf(send({ method: 'GET', path: path(orderNumber) }), (body) => body),
  }
}
