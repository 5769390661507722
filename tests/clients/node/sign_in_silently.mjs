// openid-client: nobody is asked where the client says so; a sign-in may be too old for it.
import { given, refusal, tell } from './harness.mjs'
import { discover, signIn } from './openid.mjs'

const config = await discover()
const before = await refusal(signIn(config, undefined, { prompt: 'none' }))
const fresh = (await signIn(config)).tokens.claims()
const silent = (await signIn(config, undefined, { prompt: 'none' })).tokens.claims()
const aged = (await signIn(config, undefined, { max_age: '0' })).tokens.claims()

tell({ before: before.error, fresh, silent, aged })
