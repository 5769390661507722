// ✅ 브라우저에서 사용 가능
const client = createBrowserClient({
clientKey: process.env.NEXT_PUBLIC_SOFTWARE_CLIENT_KEY,
})
