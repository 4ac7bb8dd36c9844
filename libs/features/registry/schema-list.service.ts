import { Injectable } from '@nestjs/common';
import {
  LIFECYCLES,
  Registry,
  subjectText,
  type Association,
  type FoundVersion,
  type StoredSchema,
  type SubjectName,
  type VersionRow,
} from '#libs/core/registry';
import { Authorizer, type Principal } from '#libs/platform/auth';
import { turn } from '#libs/platform/http';
import type { ListedAnswer } from './listed-answer.js';
import { choices, flag, page, prefixOf, text, texts, type RawQuery } from './query.js';
import { SchemaTexts } from './schema-texts.js';
import { SubjectAccess } from './subject-access.js';
import { listedVersion } from './wire.js';

/** Subjects whose versions are read at a time. */
const BATCH = 100;
const LIST_LIMIT = 1_000;

/** Who is listed, and with what beside the schema. */
interface Listed {
  readonly subject: SubjectName;
  readonly aliases: readonly string[];
}

/** What may be said about associations; undefined: nothing was asked about them. */
interface AssociationQuestion {
  readonly resourceType: string;
  readonly associationTypes: readonly string[];
  /** Empty: any. NONE: a subject without associations. */
  readonly lifecycles: readonly string[];
}

/** GET /schemas (contract, endpoint 7). */
@Injectable()
export class SchemaListService {
  constructor(
    private readonly registry: Registry,
    private readonly authorizer: Authorizer,
    private readonly schemaTexts: SchemaTexts,
  ) {}

  /** Versions of all subjects, filtered; without a prefix those of the default context. By subject, then by number. */
  async list(principal: Principal, query: RawQuery, answer: ListedAnswer): Promise<void> {
    const { offset, limit } = page(query, LIST_LIMIT);
    const ruleType = text(query, 'ruleType') || undefined;
    const asked = associationQuestion(query);
    let skip = offset;
    for await (const batch of this.batches(principal, query)) {
      const associations = await this.associations(batch, asked);
      const aliases = new Map(batch.map((one) => [subjectText(one.subject), one.aliases]));
      const known = ({ subject }: FoundVersion) => associations?.get(subjectText(subject));
      let rows = await this.rows(batch, query);
      if (asked !== undefined) rows = rows.filter((row) => isAskedFor(known(row)!, asked));
      // Where the schemas themselves do not matter, those before the page are not read, nor those behind it.
      if (ruleType === undefined) {
        const skipped = Math.min(skip, rows.length);
        skip -= skipped;
        rows = rows.slice(skipped, skipped + limit - answer.length);
      }
      for await (const version of this.registry.search.load(rows)) {
        if (ruleType !== undefined && !hasRule(version.schema, ruleType)) continue;
        if (skip-- > 0) continue;
        const associated = shown(known(version), asked);
        const more = { aliases: aliases.get(subjectText(version.subject))!, associations: associated };
        await answer.add(listedVersion(version, await this.schemaTexts.shown(version.schema, {}), more));
        if (answer.length === limit) return;
      }
    }
  }

  /** Who is listed, in order, some at a time. */
  private async *batches(principal: Principal, query: RawQuery): AsyncGenerator<readonly Listed[]> {
    const access = new SubjectAccess(this.authorizer, principal);
    const { context, prefix } = prefixOf(text(query, 'subjectPrefix') ?? '');
    // Within one context names come in order, so that a page need not wait for those behind it.
    if (context !== undefined && !flag(query, 'aliases')) {
      for await (const some of this.named(context, prefix, access, query)) yield* batchesOf(some);
      return;
    }
    const found = new Map<string, Listed>();
    for await (const some of this.named(context, prefix, access, query)) {
      for (const one of some) found.set(subjectText(one.subject), one);
    }
    for (const { alias, target } of flag(query, 'aliases') ? await this.registry.aliases(context, prefix) : []) {
      if (!access.allows('read', alias) || !access.allows('read', target)) continue;
      const known = found.get(subjectText(target)) ?? { subject: target, aliases: [] };
      found.set(subjectText(target), { subject: target, aliases: [...known.aliases, subjectText(alias)].sort() });
    }
    yield* batchesOf([...found.keys()].sort().map((name) => found.get(name)!));
  }

  /** Subjects that begin with the prefix. */
  private async *named(
    context: string | undefined,
    prefix: string,
    access: SubjectAccess,
    query: RawQuery,
  ): AsyncGenerator<readonly Listed[]> {
    const deleted = flag(query, 'deleted');
    for await (const listed of this.registry.list(context, prefix)) {
      const wanted = listed.filter(({ subject, live }) => (deleted || live) && access.allows('read', subject));
      yield wanted.map(({ subject }) => ({ subject, aliases: [] }));
      // SQLite answers at once: nothing else would have a turn.
      await turn();
    }
  }

  private rows(batch: readonly Listed[], query: RawQuery): Promise<readonly FoundVersion[]> {
    const deleted = flag(query, 'deleted');
    const latestOnly = flag(query, 'latestOnly');
    const wanted = (rows: readonly VersionRow[]) => {
      const included = rows.filter((row) => deleted || !row.deleted);
      return latestOnly ? included.slice(-1) : included;
    };
    return this.registry.rowsOf(
      batch.map((one) => one.subject),
      wanted,
    );
  }

  private async associations(batch: readonly Listed[], asked: AssociationQuestion | undefined) {
    if (asked === undefined) return undefined;
    const { resourceType, associationTypes } = asked;
    const subjects = batch.map((one) => one.subject);
    return this.registry.associations.ofSubjects(subjects, { resourceType, associationTypes });
  }
}

function* batchesOf(listed: readonly Listed[]): Generator<readonly Listed[]> {
  for (let at = 0; at < listed.length; at += BATCH) yield listed.slice(at, at + BATCH);
}

function associationQuestion(query: RawQuery): AssociationQuestion | undefined {
  const resourceType = text(query, 'resourceType') || undefined;
  const associationTypes = texts(query, 'associationType').filter((type) => type !== '');
  const lifecycles = choices(query, 'lifecycle', ['NONE', ...LIFECYCLES]);
  if (resourceType === undefined && associationTypes.length === 0 && lifecycles.length === 0) return undefined;
  return { resourceType: resourceType ?? 'topic', associationTypes, lifecycles };
}

function isAskedFor(associations: readonly Association[], { lifecycles }: AssociationQuestion): boolean {
  if (lifecycles.length === 0) return true;
  if (associations.length === 0) return lifecycles.includes('NONE');
  return associations.some((one) => lifecycles.includes(one.lifecycle));
}

function shown(
  associations: readonly Association[] | undefined,
  asked: AssociationQuestion | undefined,
): readonly Association[] {
  const lifecycles = asked?.lifecycles ?? [];
  return (associations ?? []).filter((one) => lifecycles.length === 0 || lifecycles.includes(one.lifecycle));
}

function hasRule({ ruleSet }: StoredSchema, type: string): boolean {
  const lists = [ruleSet?.migrationRules, ruleSet?.domainRules, ruleSet?.encodingRules];
  return lists.some((rules) => rules?.some((rule) => rule.type === type));
}
