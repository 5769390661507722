const client = createBrowserClient({
clientKey: process.env.NEXT_PUBLIC_SOFTWARE_CLIENT_KEY,
onTokenRefresh: (newToken) => {
// 새 토큰 저장
localStorage.setItem('auth_token', newToken)
},
})
