import { Injectable } from '@nestjs/common';
import { isAppError } from '#libs/core/kernel';
import { operationNotFound } from '#libs/core/operations';
import { parseSubject, Registry, subjectText, type Assessment, type SchemaQuestion } from '#libs/core/registry';
import { SchemaChecks } from '#libs/core/scans';
import {
  checkFindings,
  fails,
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
import type {
  CheckResultView,
  SchemaCheckBody,
  SchemaCheckView,
  SchemaRulesView,
  StartedCheckView,
} from './schema-check-shapes.js';
import { SubjectAccess } from './subject-access.js';

/** Checks of a verdict that are gone through without others having their turn: a fraction of a millisecond. */
const SHOWN_AT_ONCE = 1_000;

type RuleView = SchemaRulesView['items'][number];

/** Checks without registering, with reasons. */
@Injectable()
export class SchemaChecksService {
  constructor(
    private readonly registry: Registry,
    private readonly checks: SchemaChecks,
    private readonly authorizer: Authorizer,
  ) {}

  /** @throws what `Registry.assess` throws. */
  async check(principal: Principal, body: SchemaCheckBody): Promise<SchemaCheckView> {
    const question = await this.question(principal, body);
    const { subject } = question;
    return this.shown(await this.registry.assess(question), subject && subjectText(subject));
  }

  /**
   * As {@link check}, but that a check which would compare with too many versions at once goes on as an operation.
   * @param waitMs how long it is waited for its end.
   * @throws `forbidden` for who may neither register under the subject nor operate it: an operation is kept.
   */
  async checkOrStart(
    principal: Principal,
    body: SchemaCheckBody,
    waitMs: number,
    signal: AbortSignal,
  ): Promise<SchemaCheckView | StartedCheckView> {
    const question = await this.question(principal, body);
    const { subject } = question;
    try {
      return await this.shown(await this.registry.assess(question), subject && subjectText(subject));
    } catch (error) {
      if (subject === undefined || !isAppError(error, 'too-many-versions-to-compare')) throw error;
    }
    const access = new SubjectAccess(this.authorizer, principal);
    if (!access.allows('operate', subject)) access.demand('write', subject);
    const started = await this.checks.start({ ...question, subject }, principal.id);
    const status = waitMs > 0 ? await this.checks.awaitRest(started.id, waitMs, signal) : started;
    if (status.phase === 'FINISHED') {
      const { check } = await this.result(principal, status.id);
      if (check !== null) return check;
    }
    return {
      operation: status.id,
      state: status.state,
      subject: subjectText(subject),
      result: `/v1/schema-checks/${status.id}`,
    };
  }

  /** @throws `scan-not-found`, `scan-expired`; `operation-not-found`, also for a subject that the principal may not read. */
  async result(principal: Principal, id: string): Promise<CheckResultView> {
    const access = new SubjectAccess(this.authorizer, principal);
    const { assessment, gone, failure, ...result } = await this.checks.result(id, (subject) => {
      if (!access.allows('read', parseSubject(subject))) throw operationNotFound(id);
    });
    const check = assessment && (await this.shown(assessment, result.subject));
    return { ...result, gone: [...gone], failure: failure && { ...failure }, check };
  }

  /** What is asked, by somebody who may read all that it names. */
  private async question(principal: Principal, body: SchemaCheckBody): Promise<SchemaQuestion> {
    const access = new SubjectAccess(this.authorizer, principal);
    const named = body.subject === undefined ? undefined : parseSubject(body.subject);
    const target = named && (await this.registry.target(named));
    if (target !== undefined && subjectText(target) !== body.subject) access.demand('read', target);
    const context = target?.context;
    for (const one of [body, ...(body.earlier ?? [])]) access.requireReadableReferences(context, one.references);
    const referenced = body.referenced.map((one) => ({ ...one, subject: parseSubject(one.subject, context) }));
    for (const { subject, references } of referenced) access.requireReadableReferences(subject.context, references);
    return {
      subject: target,
      sent: { schema: body.schema, schemaType: body.schemaType, references: body.references, metadata: body.metadata },
      earlier: body.earlier,
      referenced,
      normalize: body.normalize,
      policy: body.policy,
      levels: body.levels,
    };
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
    const found: { level: CompatibilityLevel; items: readonly Finding[] }[] = [];
    const shownVerdicts: SchemaCheckView['verdicts'] = [];
    for (const verdict of verdicts) {
      // A verdict may be about very many versions.
      if (verdict.checks.length > SHOWN_AT_ONCE) await turn();
      shownVerdicts.push(verdictView(verdict));
      const failing = verdict.compatible ? [] : verdict.checks.filter(fails);
      for (const check of failing) {
        if (findings.has(check)) continue;
        await turn();
        findings.set(check, checkFindings(this.registry.formats, check));
      }
      found.push({ level: verdict.level, items: failing.flatMap((check) => findings.get(check)!) });
    }
    if (findings.size > 0) await turn();
    const merged = byLevels(found);
    // Writing thousands of them as text takes as long as each step before.
    if (findings.size > 0 || verdicts.some(({ checks }) => checks.length > SHOWN_AT_ONCE)) await turn();
    return {
      compatible,
      subject: subject ?? null,
      schemaType: candidate.type,
      schema: candidate.canonical,
      level,
      levels: [...levels],
      policy,
      verdicts: shownVerdicts,
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
  const comparedWith: number[] = [];
  // The checks of one version follow one another.
  for (const { version } of checks) {
    if (version !== null && version !== comparedWith.at(-1)) comparedWith.push(version);
  }
  return {
    level,
    compatible,
    comparedWith,
    failedAt: compatible ? null : (checks.at(-1)?.version ?? null),
  };
}
