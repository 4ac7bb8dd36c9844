import { Injectable } from '@nestjs/common';
import { OperationEngine, type Plan } from '#libs/core/operations';
import {
  parseSubject,
  Registry,
  schemaNotFound,
  subjectText,
  versionInvalid,
  type VersionChoice,
} from '#libs/core/registry';
import { IdUsages, SchemaUsages } from '#libs/core/scans';
import { Authorizer, type Principal } from '#libs/platform/auth';
import { formatCursor, parseCursor } from '#libs/platform/http';
import type { CensusQuery, CensusView, IdUsageView, UsagePlanBody, UsageView } from './usage-shapes.js';
import { idUsageViewOf, Sight, usageViewOf } from './usage-view.js';

/** The use of schemas for principals: everything counts, and is named where the principal may read it. */
@Injectable()
export class UsageService {
  constructor(
    private readonly usages: SchemaUsages,
    private readonly idUsages: IdUsages,
    private readonly registry: Registry,
    private readonly engine: OperationEngine,
    private readonly authorizer: Authorizer,
  ) {}

  /** @throws `scan-invalid`, `scan-too-wide`, `cluster-not-found`. */
  plan(body: UsagePlanBody, principal: Principal): Promise<Plan> {
    return this.engine.plan('schema-usage', { ...body }, principal.id);
  }

  /** @throws `subject-not-found`, `version-not-found`, `scan-not-found`, `scan-expired`, `scans-busy`. */
  async usage(
    principal: Principal,
    name: string,
    version: string,
    scan: string | undefined,
    signal: AbortSignal,
  ): Promise<UsageView> {
    const subject = await this.registry.target(parseSubject(name));
    if (subjectText(subject) !== name) {
      this.authorizer.demand(principal, 'read', { kind: 'subject', name: subjectText(subject) });
    }
    const choice = choiceOf(version);
    // A version that is not there is told before anything is read.
    const found = await this.registry.version(subject, choice, true);
    if (subjectText(found.subject) !== subjectText(subject)) {
      this.authorizer.demand(principal, 'read', { kind: 'subject', name: subjectText(found.subject) });
    }
    const usage = await this.usages.usageOf(found.subject, found.row.version, scan, signal);
    return usageViewOf(usage, new Sight(this.authorizer, principal));
  }

  /**
   * The use of an id by whoever may read one of the versions that carry it.
   * @throws `schema-not-found`, `usage-too-wide`, `scan-not-found`, `scan-expired`, `scans-busy`.
   */
  async usageOfId(
    principal: Principal,
    schemaId: number,
    scan: string | undefined,
    signal: AbortSignal,
  ): Promise<IdUsageView> {
    const sight = new Sight(this.authorizer, principal);
    // An id that is not there, or is not told of, is so before anything is read.
    const entries = await this.idUsages.entriesOf(schemaId);
    const isKnown = entries.some(({ usages }) => usages.some(({ subject }) => sight.subject(subject)));
    if (!isKnown) throw schemaNotFound(schemaId);
    return idUsageViewOf(await this.idUsages.usageOf(schemaId, scan, signal), sight);
  }

  /** What a scan counted, by schema: those named by id first. @throws `scan-not-found`, `scan-expired`, `operation-not-found`. */
  async counted(principal: Principal, scan: string, query: CensusQuery): Promise<CensusView> {
    const sight = new Sight(this.authorizer, principal);
    const after = query.cursor === undefined ? '' : parseCursor(query.cursor);
    const page = { after, limit: query.limit };
    const { totals, more, complete } = await this.usages.totals(scan, (topic) => sight.topic(topic), page);
    return {
      scan,
      complete,
      items: totals.map(({ schemaId, guid, keys, values, topics }) => {
        return { schemaId, guid, keys, values, topics: [...topics] };
      }),
      next: more ? formatCursor(totals.at(-1)!.key) : null,
    };
  }
}

function choiceOf(text: string): VersionChoice {
  if (text === 'latest') return text;
  const version = /^[1-9]\d{0,9}$/.test(text) ? Number(text) : Number.NaN;
  if (!(version <= 2_147_483_647)) throw versionInvalid(text);
  return version;
}
