// The page of the shop: products by the client key, a session for whoever logs in, orders through the shop's own server.
import { createBrowserClient } from '@watchword/sdk'

const find = (id) => document.getElementById(id)

const client = createBrowserClient({
  clientKey: globalThis.CLIENT_KEY,
  onAuthStateChange: ({ signedIn, user }) => showAccount(signedIn ? user : undefined),
})

const products = client.from('products').pages({ limit: 12, sort: 'name' })

function showAccount(user) {
  find('login').hidden = !!user
  find('account').hidden = !user
  find('who').textContent = user ? `Logged in as ${user.email}` : ''
  for (const button of document.querySelectorAll('article button')) button.disabled = !user
}

function say(text, refused = false) {
  find('message').textContent = text
  find('message').classList.toggle('refused', refused)
}

async function showMore() {
  const { value: page } = await products.next()
  find('more').hidden = !page?.pagination.hasNextPage
  find('products').append(...(page?.docs ?? []).map(showProduct))
}

/** An amount is an integer in the currency's minor unit: cents, or won. */
function writePrice({ price, currency }) {
  const format = new Intl.NumberFormat('en', { style: 'currency', currency })
  return format.format(price / 10 ** format.resolvedOptions().maximumFractionDigits)
}

function showProduct(product) {
  const article = document.createElement('article')
  const add = (tag, text, name = '') => {
    const element = Object.assign(document.createElement(tag), { textContent: text, className: name })
    article.append(element)
    return element
  }
  add('h2', product.name)
  add('p', product.description ?? '')
  add('p', writePrice(product), 'price')
  const button = add('button', 'Order')
  button.disabled = !client.token
  button.onclick = () => order(product)
  return article
}

async function order(product) {
  const answer = await fetch('/order', {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${client.token}` },
    body: JSON.stringify({ product: product.id }),
  })
  const { orderNumber, error } = await answer.json()
  say(orderNumber ? `Ordered ${product.name}: number ${orderNumber}` : error, !orderNumber)
}

find('login').onsubmit = async (event) => {
  event.preventDefault()
  try {
    await client.collections.users.login(Object.fromEntries(new FormData(event.target)))
    event.target.reset()
    say('')
  } catch (error) {
    say(error.message, true)
  }
}
find('logout').onclick = () => client.collections.users.logout()
find('more').onclick = () => showMore().catch((error) => say(error.message, true))
showMore().catch((error) => say(error.message, true))
