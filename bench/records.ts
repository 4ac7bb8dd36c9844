/** Records as programs write them, 1,000 bytes of JSON each: what benchmarks over HTTP send and read. */

const CITIES = ['Lisbon', 'Tromsø', 'Nairobi', 'Quito', 'Osaka', 'Perth', 'Tallinn', 'Halifax'];
const BYTES = 1_000;

/** The value of record `n`, an object with lists and numbers whose JSON takes 1,000 bytes. */
export function orderOf(n: number): Readonly<Record<string, unknown>> {
  const order = {
    id: `order-${String(n).padStart(9, '0')}`,
    customer: { id: n % 5_000, name: `Customer ${n % 5_000}`, city: CITIES[n % CITIES.length], vip: n % 7 === 0 },
    placedAt: 1_700_000_000_000 + n * 37,
    currency: 'EUR',
    total: ((n * 7_919) % 100_000) / 100,
    paid: n % 3 !== 0,
    coupon: null,
    items: Array.from({ length: 8 }, (_, i) => ({
      sku: `sku-${(n * 31 + i * 17) % 10_000}`,
      quantity: 1 + ((n + i) % 4),
      cents: (n * 13 + i * 101) % 9_999,
    })),
    note: '',
  };
  const length = Buffer.byteLength(JSON.stringify(order));
  return { ...order, note: 'n'.repeat(Math.max(0, BYTES - length)) };
}

/** As a key of record `n`. */
export const keyOf = (n: number): string => `order-${n % 5_000}`;
