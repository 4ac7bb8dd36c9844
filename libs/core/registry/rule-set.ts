import type { SchemaRule, SchemaRuleSet } from '#libs/core/schema';
import { ruleSetInvalid } from './errors.js';

const NAME = /^[\p{L}_][\p{L}\p{Nd}_-]*$/u;
const MAX_NAME_LENGTH = 256;

const KINDS = ['TRANSFORM', 'CONDITION'];
/** Modes per list, the two-way mode last. */
const MIGRATION_MODES = ['UPGRADE', 'DOWNGRADE', 'UPDOWN'];
const DOMAIN_MODES = ['WRITE', 'READ', 'WRITEREAD'];
const ENABLE_AT = ['ALL', 'CLIENT', 'GATEWAY', 'SERVER', 'NONE'];

/** Checks a rule set as it is sent (contract 3.5). @throws `rule-set-invalid` */
export function requireValidRuleSet(ruleSet: SchemaRuleSet | null | undefined): void {
  if (!ruleSet) return;
  const seen = new Set<string>();
  for (const rule of ruleSet.migrationRules ?? []) checkRule(rule, MIGRATION_MODES, 'migration', seen);
  for (const rule of ruleSet.domainRules ?? []) checkRule(rule, DOMAIN_MODES, 'domain', seen);
  for (const rule of ruleSet.encodingRules ?? []) checkRule(rule, DOMAIN_MODES, 'encoding', seen);
  if (ruleSet.enableAt !== undefined && !ENABLE_AT.includes(ruleSet.enableAt)) {
    throw ruleSetInvalid(`enableAt '${ruleSet.enableAt}' is none of ${ENABLE_AT.join(', ')}`);
  }
}

function checkRule(rule: SchemaRule, modes: readonly string[], list: string, seen: Set<string>): void {
  const name = rule.name;
  if (name === undefined || name === '') throw ruleSetInvalid(`a ${list} rule has no name`);
  if (name.length > MAX_NAME_LENGTH || !NAME.test(name))
    throw ruleSetInvalid(`rule name '${name.slice(0, 300)}' is not allowed`);
  if (seen.has(name)) throw ruleSetInvalid(`rule name '${name}' is used twice`);
  seen.add(name);
  if (rule.type === undefined || rule.type === '') throw ruleSetInvalid(`rule '${name}' has no type`);
  if (rule.kind !== undefined && !KINDS.includes(rule.kind))
    throw ruleSetInvalid(`rule '${name}' has the unknown kind '${rule.kind}'`);
  if (rule.mode !== undefined && !modes.includes(rule.mode)) {
    throw ruleSetInvalid(`rule '${name}' has mode '${rule.mode}'; ${list} rules may have ${modes.join(', ')}`);
  }
  const twoWay = (rule.mode ?? modes[2]) === modes[2];
  for (const member of ['onSuccess', 'onFailure'] as const) checkActions(rule, member, twoWay);
}

/** An action name, or two separated by a comma where the rule works in both directions. */
function checkActions(rule: SchemaRule, member: 'onSuccess' | 'onFailure', twoWay: boolean): void {
  const actions = rule[member]?.split(',').map((action) => action.trim());
  if (actions === undefined) return;
  if (actions.length > (twoWay ? 2 : 1))
    throw ruleSetInvalid(`rule '${rule.name}' names too many actions in ${member}`);
  if (actions.some((action) => action === '' || !NAME.test(action))) {
    throw ruleSetInvalid(`rule '${rule.name}' names no valid action in ${member}`);
  }
}
