// What programs may write, and what the compiler refuses: each refusal is marked, and an unmarked or needless one fails.
import { createBrowserClient, createServerClient, WatchwordError, type Order, type Product } from '@watchword/sdk'

declare const process: { env: Record<string, string | undefined> }

const browser = createBrowserClient({ clientKey: process.env.NEXT_PUBLIC_SOFTWARE_CLIENT_KEY })
const server = createServerClient({
  clientKey: process.env.NEXT_PUBLIC_SOFTWARE_CLIENT_KEY,
  secretKey: process.env.SOFTWARE_SECRET_KEY,
})

// @ts-expect-error a client needs a key
createBrowserClient({})
// @ts-expect-error a secret key is no option of a browser client
createBrowserClient({ clientKey: 'pk_live_x', secretKey: 'sk_live_x' })
// @ts-expect-error a server client needs both keys
createServerClient({ clientKey: 'pk_live_x' })

// A browser reads public collections, and has no method that writes them.
export const { data } = await browser.from('products').find({ sort: '-price', where: { price: { less_than: 500 } } })
export const products: Product[] | undefined = data?.docs
// @ts-expect-error products are public: a browser does not create them
await browser.from('products').create({ name: 'Tea', price: 4500 })
// @ts-expect-error nor update
await browser.collections.products.update('prd_1', { price: 4500 })
// @ts-expect-error nor remove
await browser.from('products').remove('prd_1')
// @ts-expect-error nor order
await browser.api.createOrder({ orderProducts: [], totalAmount: 0 })
// Orders are not public: a signed-in editor may.
await browser.from('orders').update('ord_1', { status: 'paid' })

// A server writes; fields and their types are checked.
await server.from('products').create({ name: 'Tea', price: 4500, stock: null })
// @ts-expect-error the name is missing
await server.from('products').create({ price: 4500 })
// @ts-expect-error an amount is a number
await server.from('products').update('prd_1', { price: '4500' })
// @ts-expect-error no such field
await server.from('products').find({ where: { colour: { equals: 'red' } } })
// @ts-expect-error a number is not compared with text
await server.from('products').find({ where: { price: { equals: 'much' } } })
// @ts-expect-error no such field to sort by
await server.from('products').find({ sort: '-colour' })

// A result is one of two: whoever has looked for the error has the data.
const order = await server.api.createOrder({ orderProducts: [{ product: 'prd_1', quantity: 1 }], totalAmount: 4500 })
if (order.error) {
  const error: WatchwordError = order.error
  const nothing: undefined = order.data
  console.log(error.code, error.status, error.requestId, error.fields, nothing)
} else {
  const made: Order = order.data
  console.log(made.orderNumber, order.rateLimit?.remaining)
}
// @ts-expect-error without a look at the error there may be no data
console.log(order.data.orderNumber)
// @ts-expect-error no such status
await server.api.updateOrder({ orderNumber: '1', status: 'lost' })
// @ts-expect-error an order is named by its number
await server.api.updateOrder({ status: 'paid' })

// People.
const { user, token, exp } = await browser.collections.users.login({ email: 'a@example.com', password: 'x' })
export const known: [string, string | undefined, number] = [user.email, token, exp]
// @ts-expect-error a password is needed
await browser.collections.users.login({ email: 'a@example.com' })
// @ts-expect-error people sign in with browser clients
await server.collections.users.login({ email: 'a@example.com', password: 'x' }).then(() => {})

for await (const page of browser.from('products').pages({ limit: 5 })) console.log(page.docs.length)
for await (const product of browser.from('products').all()) console.log(product.name)

// Any other collection is there under its name, without types.
console.log((await server.from('posts').find()).data?.docs[0].title)
