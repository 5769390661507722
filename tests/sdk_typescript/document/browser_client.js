import { createBrowserClient } from '@01.software/sdk'
const client = createBrowserClient({
clientKey: process.env.NEXT_PUBLIC_SOFTWARE_CLIENT_KEY,
})
// 로그인
await client.collections.users.login({
email: 'user@example.com',
password: 'password',
})
// 인증된 요청 자동 처리
const { data } = await client.from('products').find()
