import { COMPATIBILITY_LEVELS, fails, LEVELS, type Check, type CompatibilityLevel, type Verdict } from './levels.js';

/**
 * The verdict at every level, in the order of {@link COMPATIBILITY_LEVELS}, from the two that look furthest: every pair of schemas is then compared once, not
 * once for each level. Equal to asking {@link judge} level by level.
 * @param backward at BACKWARD_TRANSITIVE. @param forward at FORWARD_TRANSITIVE, of the same candidate and versions.
 */
export function verdictsAtEveryLevel(backward: Verdict, forward: Verdict): readonly Verdict[] {
  return COMPATIBILITY_LEVELS.map((level) => verdictAt(level, backward, forward));
}

function verdictAt(level: CompatibilityLevel, backward: Verdict, forward: Verdict): Verdict {
  const { ask, against } = LEVELS[level];
  const asked = ask.map((direction) => (direction === 'new-reads-old' ? backward : forward).checks);
  const [first, second] = asked;
  if (first === undefined) return { compatible: true, level, checks: [] };
  if (second === undefined) {
    const checks = against === 'latest' ? first.slice(0, 1) : first;
    return { compatible: !checks.some(fails), level, checks };
  }
  const checks: Check[] = [];
  // Each of the two ends with its first version that fails, so a version that only one of them reached is past that point.
  const end = Math.min(first.length, second.length, against === 'latest' ? 1 : Infinity);
  for (let i = 0; i < end; i++) {
    const [one, other] = [first[i]!, second[i]!];
    checks.push(one);
    if (one.typesDiffer) return { compatible: false, level, checks };
    checks.push(other);
    if (fails(one) || fails(other)) return { compatible: false, level, checks };
  }
  return { compatible: true, level, checks };
}
