import { AVRO_LINT_RULES } from './avro-rules.js';
import { OTHER_LINT_RULES } from './other-rules.js';
import type { LintRule } from './rule.js';

/** All rules of naming and style. */
export const LINT_RULES: readonly LintRule[] = [...AVRO_LINT_RULES, ...OTHER_LINT_RULES];
