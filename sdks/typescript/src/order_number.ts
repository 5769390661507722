/** Make an order number: the day in UTC and six digits at random, as in 260107482935. */
export function generateOrderNumber(): string {
  const day = new Date().toISOString().slice(2, 10).replace(/-/g, '')
  const digits = crypto.getRandomValues(new Uint32Array(1))[0]! % 1_000_000
  return day + String(digits).padStart(6, '0')
}
