// oauth4webapi and openid-client: a secret key that is bound to the client's key pair, sent where an access token goes.
import * as oauth from 'oauth4webapi'
import * as client from 'openid-client'
import { given, tell } from './harness.mjs'

async function make(thumbprint) {
  const wanted = { name: 'A key', kind: 'secret', mode: 'live', dpop_jkt: thumbprint }
  const headers = { authorization: `Bearer ${given.admin}`, 'content-type': 'application/json' }
  const answer = await fetch(given.keys, { method: 'POST', headers, body: JSON.stringify(wanted) })
  return (await answer.json()).doc.key
}

/** What a refusal's challenge said: its status, scheme and error. */
async function challenge(promise) {
  try {
    await promise
  } catch (error) {
    const [{ scheme, parameters }] = error.cause
    return [error.status, scheme, parameters.error]
  }
  throw new Error('this was not refused')
}

const api = new URL(given.api)
const web = oauth.DPoP({ client_id: 'any-name' }, await oauth.generateKeyPair('ES256'))
const webKey = await make(await web.calculateThumbprint())
const byWeb = await oauth.protectedResourceRequest(webKey, 'GET', api, undefined, null, { DPoP: web })

const config = await client.discovery(new URL(given.issuer), 'any-name')
const handle = client.getDPoPHandle(config, await client.randomDPoPKeyPair('EdDSA'))
const key = await make(await handle.calculateThumbprint())
const read = (which, options) => client.fetchProtectedResource(config, which, api, 'GET', null, undefined, options)

tell({
  statuses: [byWeb.status, (await read(key, { DPoP: handle })).status],
  stolen: await challenge(read(key)),
  anothers: await challenge(read(webKey, { DPoP: handle })),
})
