import { Injectable } from '@nestjs/common';
import { parseSubject, Registry, subjectText, type Assessment } from '#libs/core/registry';
import {
  checkFindings,
  NOT_TRANSITIVE,
  type Check,
  type CompatibilityLevel,
  type Finding,
  type SchemaType,
  type Verdict,
  type WarningRule,
} from '#libs/core/schema';
import { Authorizer, type Principal } from '#libs/platform/auth';
import { turn } from '#libs/platform/http';
import type { SchemaCheckBody, SchemaCheckView, SchemaRulesView } from './schema-check-shapes.js';
import { SubjectAccess } from './subject-access.js';

type RuleView = SchemaRulesView['items'][number];

/** Checks without registering, with reasons. */
@Injectable()
export class SchemaChecksService {
  constructor(
    private readonly registry: Registry,
    private readonly authorizer: Authorizer,
  ) {}

  async check(principal: Principal, body: SchemaCheckBody): Promise<SchemaCheckView> {
    const access = new SubjectAccess(this.authorizer, principal);
    const named = body.subject === undefined ? undefined : parseSubject(body.subject);
    const target = named && (await this.registry.target(named));
    if (target !== undefined && subjectText(target) !== body.subject) access.demand('read', target);
    const context = target?.context;
    for (const one of [body, ...(body.earlier ?? [])]) access.requireReadableReferences(context, one.references);
    const referenced = body.referenced.map((one) => ({ ...one, subject: parseSubject(one.subject, context) }));
    for (const { subject, references } of referenced) access.requireReadableReferences(subject.context, references);
    const assessment = await this.registry.assess({
      subject: target,
      sent: body,
      earlier: body.earlier,
      referenced,
      normalize: body.normalize,
      policy: body.policy,
      levels: body.levels,
    });
    return this.shown(assessment, target && subjectText(target));
  }

  /** Findings of each language, then warnings, then what belongs to no language. */
  rules(): SchemaRulesView {
    const { formats } = this.registry;
    const warning = ({ id, title, doubt }: WarningRule, schemaType: SchemaType | null): RuleView => {
      return { id, schemaType, kind: 'warning', title, errorType: null, breaks: null, doubt };
    };
    const items = formats.types.flatMap((schemaType): RuleView[] => {
      const { rules, warningRules } = formats.get(schemaType);
      return [
        ...rules.map(({ id, errorType, title, breaks }): RuleView => {
          return { id, schemaType, kind: 'finding', title, errorType, breaks, doubt: null };
        }),
        ...warningRules.map((rule) => warning(rule, schemaType)),
      ];
    });
    return { items: [...items, warning(NOT_TRANSITIVE, null)] };
  }

  private async shown(assessment: Assessment, subject: string | undefined): Promise<SchemaCheckView> {
    const { compatible, candidate, level, levels, policy, verdicts, warnings, violations } = assessment;
    // Levels share their checks, and a check may have a thousand findings.
    const findings = new Map<Check, readonly Finding[]>();
    for (const check of verdicts.flatMap((verdict) => (verdict.compatible ? [] : verdict.checks))) {
      if (check.differences.length > 0 && !findings.has(check)) await turn();
      findings.set(check, findings.get(check) ?? checkFindings(this.registry.formats, check));
    }
    const found = verdicts.map(({ level, compatible: fits, checks }) => {
      return { level, items: fits ? [] : checks.flatMap((check) => findings.get(check)!) };
    });
    if (findings.size > 0) await turn();
    const merged = byLevels(found);
    // Writing thousands of them as text takes as long as each step before.
    if (findings.size > 0) await turn();
    return {
      compatible,
      subject: subject ?? null,
      schemaType: candidate.type,
      schema: candidate.canonical,
      level,
      levels: [...levels],
      policy,
      verdicts: verdicts.map(verdictView),
      findings: merged,
      warnings: byLevels(warnings.map((one) => ({ level: one.level, items: one.warnings }))),
      violations: [...violations],
    };
  }
}

/** Everything once, with the levels at which it was told. */
function byLevels<T extends Pick<Finding, 'ruleId' | 'direction' | 'version' | 'path' | 'what'>>(
  told: readonly { readonly level: CompatibilityLevel; readonly items: readonly T[] }[],
): (T & { levels: CompatibilityLevel[] })[] {
  const found = new Map<string, T & { levels: CompatibilityLevel[] }>();
  const keys = new Map<T, string>();
  for (const { level, items } of told) {
    for (const item of items) {
      const key = keys.get(item) ?? JSON.stringify([item.direction, item.version, item.ruleId, item.path, item.what]);
      keys.set(item, key);
      const known = found.get(key);
      if (known === undefined) found.set(key, { ...item, levels: [level] });
      else if (known.levels.at(-1) !== level) known.levels.push(level);
    }
  }
  return [...found.values()];
}

function verdictView({ level, compatible, checks }: Verdict): SchemaCheckView['verdicts'][number] {
  return {
    level,
    compatible,
    comparedWith: [...new Set(checks.flatMap((check) => check.version ?? []))],
    failedAt: compatible ? null : (checks.at(-1)?.version ?? null),
  };
}
