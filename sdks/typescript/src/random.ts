// Text that nobody guesses, and the alphabet of it.

/** Write bytes in the base64url alphabet (RFC 4648 §5), without padding. */
export const base64url = (bytes: Uint8Array) =>
  btoa(String.fromCharCode(...bytes)).replace(/\+/g, '-').replace(/\//g, '_').replace(/=/g, '')

/** Make 43 characters out of 256 random bits: enough for a PKCE verifier (RFC 7636 §4.1). */
export const randomText = () => base64url(crypto.getRandomValues(new Uint8Array(32)))
