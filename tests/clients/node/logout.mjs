// openid-client: the person leaves, and comes back to where the client said.
import * as client from 'openid-client'
import { given, open, refusal, tell } from './harness.mjs'
import { discover, signIn } from './openid.mjs'

const config = await discover()
const { tokens } = await signIn(config)
const url = client.buildEndSessionUrl(config, {
  id_token_hint: tokens.id_token,
  post_logout_redirect_uri: given.post_logout_redirect_uri,
  state: 'left',
})
const left = await open(url)
const quietly = await signIn(config, undefined, { prompt: 'none' }).then(
  () => 'signed in',
  (error) => error.error)

tell({ left: left.href, quietly })
