// @payloadcms/sdk: sign in, who is signed in, refresh, documents of a collection, and how a refusal reaches it.
import { PayloadSDK } from '@payloadcms/sdk'
import { given, tell } from './harness.mjs'

const sdk = new PayloadSDK({ baseURL: given.api })
const users = { collection: 'users' }
const products = { collection: 'products' }
const as = (token) => ({ headers: { Authorization: `JWT ${token}` } })
const refusal = (promise) => promise.then(() => undefined, ({ status, message }) => ({ status, message }))

const signedIn = await sdk.login({ ...users, data: { email: given.email, password: given.password } })
const refreshed = await sdk.refreshToken(users, as(signedIn.token))
const me = await sdk.me(users, as(refreshed.refreshedToken))
const user = as(refreshed.refreshedToken)

const where = {
  and: [{ price: { greater_than_equal: 0 } }, { or: [{ name: { like: 'live a 1' } }, { status: { in: ['archived'] } }] }],
  sku: { exists: true },
  name: { not_like: 'live a 12' },
}
const found = await sdk.find({ ...products, where, sort: ['-price', 'name'], limit: 2, depth: 0, select: { name: true } }, user)
const counted = await sdk.count({ ...products, where }, user)
const made = await sdk.create({ ...products, data: { name: 'Made', price: 1 } }, user)
const changed = await sdk.update({ ...products, id: made.id, data: { price: 2 } }, user)
const read = await sdk.findByID({ ...products, id: made.id, depth: 1 }, user)
const deleted = await sdk.delete({ ...products, id: made.id }, user)

tell({
  signedIn,
  me,
  refreshed,
  found,
  counted: counted.totalDocs,
  prices: [made.price, changed.price, read.price, deleted.price],
  gone: await sdk.findByID({ ...products, id: made.id, disableErrors: true }, user),
  anonymous: await refusal(sdk.me(users)),
  wrong: await refusal(sdk.login({ ...users, data: { email: given.email, password: 'wrong' } })),
  forgotten: await sdk.forgotPassword({ ...users, data: { email: 'nobody@example.com' } }),
  spent: await refusal(sdk.resetPassword({ ...users, data: { token: 'made-up', password: given.password } })),
  unknown: await refusal(sdk.verifyEmail({ ...users, token: 'made-up' })),
})
