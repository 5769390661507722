// Types that were written from the server: the collections it has, and no others.
import { createBrowserClient, createServerClient } from '@watchword/sdk'
import type { Collections } from './generated.js'

const browser = createBrowserClient<Collections>({ clientKey: 'pk_live_x' })
const server = createServerClient<Collections>({ clientKey: 'pk_live_x', secretKey: 'sk_live_x' })

export const { data } = await browser.collections.products.find({ where: { price: { greater_than: 1 } } })
export const price: number | undefined = data?.docs[0]?.price
await server.from('products').create({ name: 'Tea', price: 4500, status: 'published' })
export const orders: string[] | undefined = (await server.from('orders').find()).data?.docs.map(({ orderNumber }) => orderNumber)
await browser.collections.users.logout()

// @ts-expect-error no such collection
browser.from('posts')
// @ts-expect-error products are public
await browser.from('products').create({ name: 'Tea', price: 4500 })
// @ts-expect-error no such status
await server.from('products').create({ name: 'Tea', price: 4500, status: 'lost' })
