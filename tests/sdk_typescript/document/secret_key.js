// ✅ 서버에서만 사용
const client = createServerClient({
clientKey: process.env.NEXT_PUBLIC_SOFTWARE_CLIENT_KEY,
secretKey: process.env.SOFTWARE_SECRET_KEY, // 서버 전용
})
