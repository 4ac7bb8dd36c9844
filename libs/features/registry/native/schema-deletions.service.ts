import { Injectable } from '@nestjs/common';
import { parseSubject, Registry, subjectText, type DeletionSelection, type PlannedDeletion } from '#libs/core/registry';
import { SchemaUsages, type UsageVerdict } from '#libs/core/scans';
import { Authorizer, type Principal } from '#libs/platform/auth';
import { SubjectAccess } from '../subject-access.js';
import type {
  DeletionApplyBody,
  DeletionDoneView,
  DeletionPlanBody,
  DeletionPlanView,
} from './schema-deletions.shapes.js';
import { questionOf } from './schema-search.service.js';

/** Deleting much at once: whoever may read may plan, whoever may delete everything that goes may apply. */
@Injectable()
export class SchemaDeletionsService {
  constructor(
    private readonly registry: Registry,
    private readonly authorizer: Authorizer,
    private readonly usages: SchemaUsages,
  ) {}

  async plan(principal: Principal, body: DeletionPlanBody, signal: AbortSignal): Promise<DeletionPlanView> {
    const access = new SubjectAccess(this.authorizer, principal);
    const plan = await this.registry.bulkDeletions.plan(await this.selectionOf(access, body));
    const { hash, blockers, restsOn, permanent, subjects } = plan;
    return {
      hash,
      verdict: blockers.length === 0 ? 'ok' : 'blocked',
      blockers: [...blockers],
      restsOn: [...restsOn],
      permanent,
      subjects: await this.withUsage(
        subjects.map((one) => ({ planned: one, view: viewOf(one, access) })),
        body.usage,
        signal,
      ),
    };
  }

  /** What retained records say of what goes, if somebody asked. */
  private async withUsage(
    doomed: readonly { readonly planned: PlannedDeletion; readonly view: DeletionDoneView['subjects'][number] }[],
    asked: DeletionPlanBody['usage'],
    signal: AbortSignal,
  ): Promise<DeletionPlanView['subjects']> {
    if (asked === undefined) return doomed.map(({ view }) => ({ ...view, usage: 'unknown', records: [] }));
    const scan = asked === 'count' ? undefined : asked.scan;
    const usages = await this.usages.recordsOf(
      doomed.map(({ planned }) => planned),
      scan,
      signal,
    );
    return doomed.map(({ view }, i) => {
      const records = [...usages[i]!].map(([version, { verdict, records: count, reasons }]) => {
        return { version, usage: verdict, count, reasons: reasons.map((one) => one.message) };
      });
      return { ...view, usage: worstOf(records.map((one) => one.usage)), records };
    });
  }

  async apply(principal: Principal, key: string | undefined, body: DeletionApplyBody): Promise<DeletionDoneView> {
    const access = new SubjectAccess(this.authorizer, principal);
    const chosen = await this.selectionOf(access, body);
    for (const { subject } of chosen.named) access.demand('delete', subject);
    const selection: DeletionSelection = {
      ...chosen,
      // What a filter finds is only known here; a subject that may be read and not deleted ends it.
      visible: (subject) => {
        if (!access.allows('read', subject)) return false;
        access.demand('delete', subject);
        return true;
      },
    };
    const asked = {
      hash: body.planHash,
      restsOn: body.restsOn,
      principal: principal.id,
      key: key ?? null,
      visible: chosen.visible,
    };
    const { hash, revision, repeated, permanent, subjects } = await this.registry.bulkDeletions.apply(asked, selection);
    return {
      planHash: hash,
      revision,
      repeated,
      permanent,
      // A repetition answers what was done, of which the caller is shown what it may read.
      subjects: subjects.filter((one) => access.allows('read', one.subject)).map((one) => viewOf(one, access)),
    };
  }

  private async selectionOf(access: SubjectAccess, body: DeletionPlanBody): Promise<DeletionSelection> {
    const named: DeletionSelection['named'][number][] = [];
    for (const { subject, versions } of body.subjects) {
      const target = await this.registry.target(parseSubject(subject));
      access.demand('read', target);
      named.push({ subject: target, versions });
    }
    const { filter } = body;
    return {
      named,
      search:
        filter &&
        questionOf({
          prefix: filter.prefix ?? '',
          context: filter.context,
          schemaType: filter.schemaType,
          field: filter.field,
          name: filter.name,
          tag: filter.tag,
          owner: filter.owner,
          property: filter.property,
          versions: 'all',
        }),
      permanent: body.permanent,
      visible: (subject) => access.allows('read', subject),
    };
  }
}

function viewOf(
  { subject, versions, kept, blocks }: PlannedDeletion,
  access: SubjectAccess,
): DeletionDoneView['subjects'][number] {
  return {
    subject: subjectText(subject),
    versions: [...versions],
    kept: [...kept],
    blocks: blocks.map(({ code, version, referrers }) => {
      const visible = access.visible(referrers);
      return {
        code,
        version,
        referrers: visible.map((one) => ({ subject: subjectText(one.subject), version: one.version })),
        hiddenReferrers: referrers.length - visible.length,
      };
    }),
  };
}

/** Of nothing, safe. */
function worstOf(verdicts: readonly UsageVerdict[]): UsageVerdict {
  return (['in-use', 'unknown'] as const).find((one) => verdicts.includes(one)) ?? 'safe';
}
