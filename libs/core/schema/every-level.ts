import { COMPATIBILITY_LEVELS, LEVELS, type Check, type CompatibilityLevel, type Verdict } from './levels.js';

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
  const checks: Check[] = [];
  for (let i = 0; ; i++) {
    const found = ask.flatMap((direction) => (direction === 'new-reads-old' ? backward : forward).checks[i] ?? []);
    // Each of the two ends with its first version that fails, so a version that only one of them reached is past that point.
    if (found.length < ask.length || ask.length === 0) return { compatible: true, level, checks };
    const [first] = found;
    if (first!.typesDiffer) return { compatible: false, level, checks: [...checks, first!] };
    checks.push(...found);
    if (found.some((check) => check.differences.length > 0)) return { compatible: false, level, checks };
    if (against === 'latest') return { compatible: true, level, checks };
  }
}
