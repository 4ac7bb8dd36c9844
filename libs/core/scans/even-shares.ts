/**
 * A total given out evenly: what a small size leaves is for larger ones. No share is more than its size, and all together they are the total, or all there is. Where there is less than one for each,
 * the smaller sizes go without, and among equal ones those in front.
 */
export function evenShares(sizes: readonly number[], total: number): readonly number[] {
  const shares = sizes.map(() => 0);
  const bySize = sizes.map((size, index) => ({ size, index })).sort((a, b) => a.size - b.size);
  let rest = total;
  for (const [i, { size, index }] of bySize.entries()) {
    const share = Math.min(size, Math.floor(rest / (bySize.length - i)));
    rest -= share;
    shares[index] = share;
  }
  return shares;
}
