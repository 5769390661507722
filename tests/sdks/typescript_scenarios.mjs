// The scenarios of scenarios.py by the TypeScript package, for whatever runs it: each returns what is to be printed.
import { createBrowserClient, createServerClient, WatchwordError } from '@watchword/sdk'

const LIFE_SECONDS = 604_800
const UNKNOWN_KEY = 'pk_live_' + 'a'.repeat(36)

/** What the driver was given: on a server the environment. */
let env

const control = (message, content = {}) =>
  fetch(env.SCENARIO_CONTROL + message, { method: 'POST', body: JSON.stringify(content) })

// A clock that does not sleep: where the package waits it moves on, and the server's with it. Node's own time-outs, and
// the far end of a session, are none of its waits.
const waits = []
let moved = 0
const now = Date.now
Date.now = () => now() + moved
async function advance(seconds) {
  moved += seconds * 1000
  await control('/advance', { seconds })
}
const sleep = globalThis.setTimeout
const WAIT_MS_MAX = 31_000
globalThis.setTimeout = (work, ms = 0, ...rest) => {
  if (!work.toString().includes('native code') || ms > WAIT_MS_MAX) return sleep(work, ms, ...rest)
  waits.push(ms / 1000)
  return void advance(ms / 1000).then(work)
}

const told = []
const ended = []
const client = (clientKey = env.SCENARIO_CLIENT_KEY) =>
  createBrowserClient({
    clientKey,
    onTokenRefresh: (token) => told.push(token),
    onAuthStateChange: ({ signedIn, error }) => signedIn || ended.push(error),
  })
const server = (secretKey = env.SCENARIO_SECRET_KEY) => createServerClient({ clientKey: env.SCENARIO_CLIENT_KEY, secretKey })
const login = ({ collections }, password = env.SCENARIO_PASSWORD) =>
  collections.users.login({ email: env.SCENARIO_EMAIL, password })

async function signedIn() {
  const made = client()
  await login(made)
  return made
}

/** The data of a result; its error is thrown. */
async function data(result) {
  const { data, error } = await result
  if (error) throw error
  return data
}

const docs = async (from) => (await data(from.from('products').find())).docs.length
const me = (from) => from.collections.users.me()
const described = ({ code, status }) => ({ code, status })

async function refused(work) {
  const error = await work().catch((error) => error)
  if (!(error instanceof WatchwordError)) throw error
  return { error: described(error), waits: waits.length }
}

async function refusedAtOnce(make) {
  const { error } = await refused(async () => make())
  return { error }
}

async function atOnce(times, work) {
  const came = await Promise.allSettled(Array.from({ length: times }, work))
  return came.filter(({ status }) => status === 'fulfilled').length
}

const scenarios = {
  async login() {
    const by = await signedIn()
    const { user } = await me(by)
    const page = await data(by.from('products').find())
    return { email: user.email, role: user.role, docs: page.docs.length, total: page.pagination.totalDocs }
  },
  login_refused: () => refused(() => login(client(), 'quite wrong')),
  async logout() {
    const by = await signedIn()
    await by.collections.users.logout()
    return { docs: await docs(by), token: by.token !== undefined }
  },
  async renewed_in_time() {
    const by = await signedIn()
    const before = by.token
    await advance(LIFE_SECONDS * 0.95)
    const count = await docs(by)
    return { docs: count, told: told.filter((one) => one === by.token).length, changed: by.token !== before }
  },
  async hundred_at_expiry() {
    const by = await signedIn()
    await advance(LIFE_SECONDS * 0.95)
    return { answered: await atOnce(100, () => docs(by)), told: told.length }
  },
  async expired() {
    const by = await signedIn()
    await advance(LIFE_SECONDS * 1.01)
    const answered = await atOnce(20, () => me(by))
    return { answered, first: described(ended[0]), ended: ended.length, docs: await docs(by) }
  },
  async expired_at_the_server() {
    const by = await signedIn()
    await control('/advance', { seconds: LIFE_SECONDS * 1.01 })
    const { error } = await refused(() => docs(by))
    return { error, ended: ended.length, docs: await docs(by) }
  },
  async logged_out_elsewhere() {
    const by = await signedIn()
    await control('/log-out')
    const { error } = await refused(() => me(by))
    return { error, ended: ended.length, docs: await docs(by) }
  },
  async logged_out_elsewhere_at_once() {
    const by = await signedIn()
    await control('/log-out')
    return { answered: await atOnce(20, () => me(by)), ended: ended.length }
  },
  async limited() {
    const by = client(env.SCENARIO_LIMITED_KEY)
    await advance(50)
    for (let i = 0; i < 3; i++) await docs(by)
    return { answered: 3, waited: Math.floor(waits.reduce((sum, wait) => sum + wait, 0)) }
  },
  async limited_for_long() {
    const by = client(env.SCENARIO_LIMITED_KEY)
    for (let i = 0; i < 2; i++) await docs(by)
    const { error } = await by.from('products').find()
    return { error: described(error), retry_after: error.retryAfter, waits: waits.length }
  },
  async restarted() {
    const by = await signedIn()
    const counts = [await docs(by)]
    await control('/restart')
    counts.push(await docs(by))
    const { user } = await me(by)
    return { docs: counts, email: user.email, ended: ended.length }
  },
  async away_for_a_moment() {
    const by = client()
    const counts = [await docs(by)]
    await control('/stop', { until: 'advance' })
    counts.push(await docs(by))
    return { docs: counts, waits: waits.length }
  },
  async offline() {
    await control('/stop')
    return refused(() => docs(client()))
  },
  wrong_authority: () => refused(() => docs(client())),
  wrong_key: () => refused(() => docs(client(UNKNOWN_KEY))),
  missing_key: () => refusedAtOnce(() => client('')),
  misshapen_key: () => refusedAtOnce(() => client('undefined')),
  keys_of_two_modes: () => refusedAtOnce(() => server(env.SCENARIO_TEST_SECRET_KEY)),
  secret_in_browser: () => refusedAtOnce(() => client(env.SCENARIO_SECRET_KEY)),
  no_https() {
    env.WATCHWORD_URL = 'http://api.example.com'
    return refusedAtOnce(client)
  },
  // The types of a browser's client have no `create` of products; a program without types gets this far.
  key_may_not_write: () => refused(() => data(client().from('products').create({ name: 'Tea', price: 4500 }))),
  async wrong_fields() {
    const { error } = await server().from('products').create({})
    const fields = error.fields.map(({ path }) => path).sort()
    return { error: described(error), fields, request_id: !!error.requestId }
  },
  async written() {
    const products = server().from('products')
    const made = await data(products.create({ name: 'Tea', price: 4500 }))
    const changed = await data(products.update(made.id, { price: 5000 }))
    const read = await data(products.findById(made.id))
    const { totalDocs } = await data(products.count({ where: { price: { equals: 5000 } } }))
    const removed = await data(products.remove(made.id))
    const { data: found = null } = await products.findById(made.id)
    return { price: [made.price, changed.price, read.price], count: totalDocs, removed: removed.name, found }
  },
  async walked() {
    const documents = []
    for await (const document of server().from('products').all({ limit: 5 })) documents.push(document)
    return { docs: documents.length, ids: new Set(documents.map(({ id }) => id)).size }
  },
  async ordered() {
    const { api, ...by } = server()
    const orderNumber = '260107482935'
    const [product] = (await data(by.from('products').find({ sort: 'createdAt', limit: 1 }))).docs
    const order = {
      orderNumber,
      orderProducts: [{ product: product.id, quantity: 2, unitPrice: product.price }],
      totalAmount: 2 * product.price,
      shippingAddress: { recipientName: 'Kim', postalCode: '04524', address1: '110 Sejong-daero' },
    }
    const placed = await data(api.createOrder(order))
    const again = await refused(() => data(api.createOrder(order)))
    const paid = await data(api.updateOrder({ orderNumber, status: 'paid', paymentId: 'p' }))
    const jump = await refused(() => data(api.updateOrder({ orderNumber, status: 'delivered' })))
    const got = await data(api.getOrder({ orderNumber }))
    return {
      placed: placed.status,
      again: again.error,
      paid: paid.status,
      jump: jump.error,
      got: [got.orderNumber, got.status, got.totalAmount],
    }
  },
  person_may_not_order: () => refused(() => data(client().from('orders').find())),
}

/** Do a scenario, and return what came of it as one line of JSON. */
export async function doScenario(name, given) {
  env = given
  return JSON.stringify(await scenarios[name]())
}
