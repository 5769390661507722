import { createServerClient } from '@01.software/sdk'
const client = createServerClient({
clientKey: process.env.NEXT_PUBLIC_SOFTWARE_CLIENT_KEY,
secretKey: process.env.SOFTWARE_SECRET_KEY
})
// API 키로 자동 인증
const { data } = await client.api.createOrder({...})
