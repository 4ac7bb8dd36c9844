/** Letters held against letters before the search is given up: half a millisecond. */
const MOST_CELLS = 100_000;

/**
 * The candidate closest to `word` by edit distance, if one is close enough to be a likely typing mistake. Of very many or very long candidates only the first
 * are looked at.
 */
export function nearest(word: string, candidates: Iterable<string>): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(2, Math.floor(word.length / 3)) + 1;
  let cells = MOST_CELLS;
  const lower = word.toLowerCase();
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - word.length) >= bestDistance) continue;
    cells -= candidate.length * 2 * bestDistance;
    if (cells < 0) break;
    const distance = editDistance(lower, candidate.toLowerCase(), bestDistance);
    if (distance < bestDistance) {
      best = candidate;
      bestDistance = distance;
    }
  }
  return best;
}

/** Levenshtein distance of two words, given up (returning `cap`) once it is known to reach `cap`. Looks at letters less than `cap` places apart only. */
function editDistance(a: string, b: string, cap: number): number {
  let previous = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const row = new Array<number>(b.length + 1).fill(cap);
    if (i < cap) row[0] = i;
    let least = row[0]!;
    for (let j = Math.max(1, i - cap + 1); j <= Math.min(b.length, i + cap - 1); j++) {
      const substitution = previous[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      const distance = Math.min(substitution, previous[j]! + 1, row[j - 1]! + 1, cap);
      row[j] = distance;
      if (distance < least) least = distance;
    }
    if (least >= cap) return cap;
    previous = row;
  }
  return previous[b.length]!;
}
