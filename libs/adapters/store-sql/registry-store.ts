import { setImmediate as turn } from 'node:timers/promises';
import type { StorageRoom } from '#libs/core/kernel';
import {
  AFTER_REVISION,
  identityOf,
  RegistryStore,
  type AppliedChange,
  type AppliedPlan,
  type Association,
  type AssociationQuery,
  type NameInUse,
  type EventPosition,
  type EventsPage,
  type Referrer,
  type RegistryChange,
  type RegistryConfig,
  type RegistryFact,
  type RegistrySnapshot,
  type ResourceAssociations,
  type SchemaRecord,
  type SchemasSnapshot,
  type SchemaUsage,
  type StoredSchema,
  type SearchPage,
  type SearchPosition,
  type SearchTerm,
  type SubjectListing,
  type SubjectName,
  type SubjectsSnapshot,
  type TakenId,
  type TouchedSince,
  type UnindexedVersion,
  type UsagesSnapshot,
  type VersionSearch,
} from '#libs/core/registry';
import { associationsOfResource, findAssociations } from './registry-associations.js';
import { RegistryApply } from './registry-apply.js';
import { readEvents } from './registry-events.js';
import { appliedPlan, storedSchema, takenId, type PlanRow, type TakenIdRow } from './registry-rows.js';
import { readReferrers } from './registry-referrers.js';
import { readSchemas, readSubjects, SqlRegistrySnapshot } from './registry-snapshot.js';
import { indexVersion, searchVersions } from './registry-terms.js';
import { MANY, readManyUsages, readUsages } from './registry-usages.js';
import { GatheredRead } from './gathered-read.js';
import { SharedRead } from './shared-read.js';
import { list, MAX_LIST, pieces } from './statement.js';
import type { SqlSession, SqlStore } from './sql-store.js';

export interface SqlRegistryStoreOptions {
  /** How long the feed of changes keeps an event at least; 0: for ever. */
  readonly keepEventsMs?: number;
  /** Asked before versions and associations are added; no limit unless given. */
  readonly room?: StorageRoom;
}

/** What takes room on the disk. Settings are small and may be what helps; deletions make room. */
const ADDING: ReadonlySet<RegistryFact['type']> = new Set(['version-registered', 'association-set']);

/** Changes with which a schema may go. */
const PURGING: ReadonlySet<string> = new Set<RegistryFact['type'] | 'version-replaced'>([
  'version-purged',
  'version-replaced',
]);

interface SchemaKey {
  readonly context: string;
  readonly id: number;
}

/** Something of ids, by context. */
interface OfContexts<T> {
  readonly revision: number;
  readonly byContext: ReadonlyMap<string, ReadonlyMap<number, T>>;
}

/** Schemas read for several callers in one go; each may be as long as a text may. */
const MAX_SCHEMAS_GATHERED = 50;

/** The registry's state in the tables named `registry_…`. */
export class SqlRegistryStore extends RegistryStore {
  /** On SQLite this process is the only writer, so it knows the revision without asking. */
  #known: number | undefined;
  readonly #revision: SharedRead<number>;
  readonly #subjects = new GatheredRead((names: readonly SubjectName[]) => this.#readSubjects(names), MAX_LIST);
  readonly #schemas = new GatheredRead(
    (keys: readonly SchemaKey[]) => this.#readOfIds(keys, storedSchemas),
    MAX_SCHEMAS_GATHERED,
  );
  readonly #usages = new GatheredRead((keys: readonly SchemaKey[]) => this.#readOfIds(keys, readUsages), MAX_LIST);
  /** On a connection of its own where other reads would wait for it. */
  readonly #manyUsages = new GatheredRead(
    (keys: readonly SchemaKey[]) => this.#readOfIds(keys, readManyUsages, (task) => this.store.snapshot(task)),
    MAX_LIST,
  );

  constructor(
    private readonly store: SqlStore,
    private readonly options: SqlRegistryStoreOptions = {},
  ) {
    super();
    this.#revision = new SharedRead(async () => (await currentRevision(this.store)) ?? 0);
  }

  async revision(): Promise<number> {
    if (this.store.dialect === 'postgres') return this.#revision.next();
    return (this.#known ??= await this.#revision.next());
  }

  revisionAtHand(): number | undefined {
    return this.store.dialect === 'sqlite' ? this.#known : undefined;
  }

  async touchedSince(revision: number, limit: number): Promise<TouchedSince> {
    return this.store.read(async (session) => {
      const current = await currentRevision(session);
      if (limit === 0) return { revision: current, subjects: [], schemas: [], complete: false };
      const rows = await session.all<{ context: string; subject: string; schema_id: number | null; kind: string }>(
        `select context, subject, schema_id, kind from registry_changes where revision > ? order by revision, ordinal limit ?`,
        [revision, limit + 1],
      );
      const forgotten = revision > 0 && revision + 1 < (await oldestRevision(session, current));
      if (rows.length > limit || forgotten) return { revision: current, subjects: [], schemas: [], complete: false };
      return {
        revision: current,
        subjects: rows.map(({ context, subject }) => ({ context, name: subject })),
        schemas: rows.flatMap(({ context, schema_id: id, kind }) =>
          id === null ? [] : [{ context, id, purged: PURGING.has(kind) }],
        ),
        complete: true,
      };
    });
  }

  async subjects(names: readonly SubjectName[]): Promise<SubjectsSnapshot> {
    const { result, from } = await this.#subjects.of(names);
    return { revision: result.revision, states: result.states.slice(from, from + names.length) };
  }

  async #readSubjects(names: readonly SubjectName[]): Promise<SubjectsSnapshot> {
    return this.store.read(async (session) => ({
      revision: await currentRevision(session),
      states: await readSubjects(session, names),
    }));
  }

  async schemas(context: string, ids: readonly number[]): Promise<SchemasSnapshot> {
    const { result } = await this.#schemas.of(ids.map((id) => ({ context, id })));
    return { revision: result.revision, schemas: chosen(result, context, ids) };
  }

  async usages(context: string, ids: readonly number[]): Promise<UsagesSnapshot> {
    const keys = ids.map((id) => ({ context, id }));
    const { result } = await this.#usages.of(keys);
    const found = chosen(result, context, ids);
    const usages = new Map<number, readonly SchemaUsage[]>();
    for (const [id, some] of found) if (some !== MANY) usages.set(id, some);
    if (usages.size === found.size) return { revision: result.revision, usages };
    // All of them anew: an answer is as of one instant.
    const { result: whole } = await this.#manyUsages.of(keys);
    return { revision: whole.revision, usages: chosen(whole, context, ids) };
  }

  /**
   * @param read what of some ids of one context.
   * @param within the transaction in which they are read.
   */
  async #readOfIds<T>(
    keys: readonly SchemaKey[],
    read: (session: SqlSession, context: string, ids: readonly number[]) => Promise<ReadonlyMap<number, T>>,
    within: <R>(task: (session: SqlSession) => Promise<R>) => Promise<R> = (task) => this.store.read(task),
  ): Promise<OfContexts<T>> {
    const asked = new Map<string, Set<number>>();
    for (const { context, id } of keys) {
      const ids = asked.get(context);
      if (ids === undefined) asked.set(context, new Set([id]));
      else ids.add(id);
    }
    return within(async (session) => {
      const revision = await currentRevision(session);
      const byContext = new Map<string, ReadonlyMap<number, T>>();
      for (const [context, ids] of asked) byContext.set(context, await read(session, context, [...ids]));
      return { revision, byContext };
    });
  }

  async idOfContent(context: string, content: Pick<SchemaRecord, 'guid' | 'schemaType'>): Promise<number | undefined> {
    const row = await this.store.one<{ id: number }>(
      'select id from registry_schemas where context = ? and identity = ?',
      [context, identityOf(content)],
    );
    return row?.id;
  }

  async taken(context: string, ids: readonly number[]): Promise<readonly TakenId[]> {
    return this.store.read(async (session) => {
      const taken: TakenId[] = [];
      for (const piece of pieces(ids)) {
        const rows = await session.all<TakenIdRow>(
          `select id, guid, schema_type, purged from registry_schemas where context = ? and id in (${list(piece.length)})`,
          [context, ...piece],
        );
        taken.push(...rows.map(takenId));
      }
      return taken.sort((one, other) => one.id - other.id);
    });
  }

  snapshot<T>(task: (snapshot: RegistrySnapshot) => Promise<T>): Promise<T> {
    return this.store.snapshot(async (session) =>
      task(new SqlRegistrySnapshot(session, await currentRevision(session))),
    );
  }

  async idsOfGuid(guid: string): Promise<readonly { context: string; id: number; purged: boolean }[]> {
    const rows = await this.store.all<{ context: string; id: number; purged: number }>(
      'select context, id, purged from registry_schemas where guid = ? order by context, id',
      [guid],
    );
    return rows.map((row) => ({ ...row, purged: row.purged !== 0 }));
  }

  async list(
    context: string,
    prefix: string,
    after: string | undefined,
    limit: number,
  ): Promise<readonly SubjectListing[]> {
    const rows = await this.store.all<{ subject: string; deleted: number }>(
      `select subject, min(deleted) as deleted from registry_versions
       where context = ? and subject ${after === undefined ? '>=' : '>'} ? and subject <= ? group by subject order by subject limit ?`,
      [context, after ?? prefix, `${prefix}\u{10ffff}`, limit],
    );
    return rows.map((row) => ({ subject: { context, name: row.subject }, live: row.deleted === 0 }));
  }

  async contextsHolding(name: string): Promise<readonly string[]> {
    const rows = await this.store.all<{ context: string }>(
      `select s.context from registry_subjects s where s.name = ? and s.context <> '.' and exists
         (select 1 from registry_versions v where v.context = s.context and v.subject = s.name) order by s.context`,
      [name],
    );
    return rows.map((row) => row.context);
  }

  async contexts(): Promise<readonly string[]> {
    const rows = await this.store.all<{ name: string }>(
      'select name from registry_contexts where present = 1 order by name',
    );
    return rows.map((row) => row.name);
  }

  async names(
    context: string | undefined,
    after: SubjectName | undefined,
    limit: number,
  ): Promise<readonly NameInUse[]> {
    // On SQLite nobody else has a turn between two pages otherwise.
    if (after !== undefined) await turn();
    const conditions = [
      ...(context === undefined ? [] : ['context = ?']),
      ...(after === undefined ? [] : ['(context, name) > (?, ?)']),
    ];
    const where = conditions.length === 0 ? '' : `where ${conditions.join(' and ')} `;
    const rows = await this.store.all<SubjectName & { readonly mode: string | null }>(
      `select context, name, mode from registry_subjects ${where}order by context, name limit ?`,
      [...(context === undefined ? [] : [context]), ...(after === undefined ? [] : [after.context, after.name]), limit],
    );
    return rows.map(({ mode, ...name }) => ({ ...name, hasMode: mode !== null }));
  }

  async configs(
    context: string | undefined,
    prefix: string,
  ): Promise<readonly { subject: SubjectName; config: RegistryConfig }[]> {
    const within = context === undefined ? '' : 'context = ? and ';
    const rows = await this.store.all<{ context: string; name: string; config: string }>(
      `select context, name, config from registry_subjects where ${within}config is not null and name >= ? and name <= ?`,
      [...(context === undefined ? [] : [context]), prefix, `${prefix}\u{10ffff}`],
    );
    return rows
      .filter((row) => row.name.startsWith(prefix))
      .map((row) => ({
        subject: { context: row.context, name: row.name },
        config: JSON.parse(row.config) as RegistryConfig,
      }));
  }

  referrers(subject: SubjectName): Promise<readonly Referrer[]> {
    return readReferrers(this.store, subject);
  }

  async digests(subject: SubjectName): Promise<string | undefined> {
    const row = await this.store.one<{ document: string }>(
      'select document from registry_digests where context = ? and subject = ?',
      [subject.context, subject.name],
    );
    return row?.document;
  }

  async highestId(context: string): Promise<number> {
    const row = await this.store.one<{ last_id: number }>('select last_id from registry_contexts where name = ?', [
      context,
    ]);
    return row?.last_id ?? 0;
  }

  async events(after: EventPosition | undefined, limit: number): Promise<EventsPage> {
    return this.store.read(async (session) => {
      const revision = await currentRevision(session);
      const oldest = await oldestRevision(session, revision);
      const { events, characters, caughtUp } = await readEvents(session, after ?? { revision: 0, ordinal: 0 }, limit);
      const last = events.at(-1);
      const next =
        caughtUp || last === undefined
          ? { revision, ordinal: AFTER_REVISION }
          : { revision: last.revision, ordinal: last.ordinal };
      return { events, next, caughtUp, characters, oldest };
    });
  }

  async search(question: VersionSearch, after: SearchPosition | undefined, limit: number): Promise<SearchPage> {
    return this.store.read((session) => searchVersions(session, question, after, limit));
  }

  async unindexed(limit: number): Promise<readonly UnindexedVersion[]> {
    const rows = await this.store.all<{ context: string; subject: string; version: number; schema_id: number }>(
      'select context, subject, version, schema_id from registry_versions where terms is null limit ?',
      [limit],
    );
    return rows.map((row) => ({
      subject: { context: row.context, name: row.subject },
      version: row.version,
      schemaId: row.schema_id,
    }));
  }

  async index(versions: readonly (UnindexedVersion & { readonly terms: readonly SearchTerm[] })[]): Promise<void> {
    await this.store.write(async (session) => {
      for (const one of versions) await indexVersion(session, one);
    });
  }

  async appliedPlan(
    by: { readonly hash: string } | { readonly principal: string; readonly key: string },
  ): Promise<AppliedPlan | undefined> {
    const columns = 'select hash, principal, idempotency_key, revision, ids, outcome from registry_plans';
    const row =
      'hash' in by
        ? await this.store.one<PlanRow>(`${columns} where hash = ?`, [by.hash])
        : await this.store.one<PlanRow>(`${columns} where principal = ? and idempotency_key = ?`, [
            by.principal,
            by.key,
          ]);
    return row && appliedPlan(row);
  }

  associations(query: AssociationQuery): Promise<readonly Association[]> {
    return findAssociations(this.store, query);
  }

  associationsOfResource(resourceId: string): Promise<ResourceAssociations> {
    return associationsOfResource(this.store, resourceId);
  }

  async apply(change: RegistryChange): Promise<AppliedChange> {
    const refusal = this.options.room?.refusal();
    if (refusal !== undefined && change.facts.some(({ type }) => ADDING.has(type))) throw refusal;
    const applied = await this.store.writeInLine((session) =>
      RegistryApply.run(session, change, this.options.keepEventsMs),
    );
    this.#known = Math.max(this.#known ?? 0, applied.revision);
    return applied;
  }

  /** One statement at a time: each goes through all of an index, and SQLite does nothing else meanwhile. */
  async counts(): Promise<{ subjects: number; versions: number; schemas: number }> {
    const counted = async (sql: string): Promise<number> => {
      await turn();
      return (await this.store.one<{ count: number }>(sql))!.count;
    };
    return {
      subjects: await counted(
        'select count(*) as count from (select distinct context, subject from registry_versions) as names',
      ),
      versions: await counted('select count(*) as count from registry_versions'),
      schemas: await counted('select count(*) as count from registry_schemas where purged = 0'),
    };
  }
}

async function storedSchemas(
  session: SqlSession,
  context: string,
  ids: readonly number[],
): Promise<ReadonlyMap<number, StoredSchema>> {
  return new Map((await readSchemas(session, context, ids)).map((row) => [row.id, storedSchema(row)]));
}

/** What one caller asked for, of what was read for several. */
function chosen<T>({ byContext }: OfContexts<T>, context: string, ids: readonly number[]): ReadonlyMap<number, T> {
  const all = byContext.get(context);
  const found = new Map<number, T>();
  for (const id of ids) {
    const one = all?.get(id);
    if (one !== undefined) found.set(id, one);
  }
  return found;
}

async function currentRevision(session: Pick<SqlSession, 'one'>): Promise<number> {
  const row = await session.one<{ revision: number }>('select revision from registry_state where id = 1');
  return row!.revision;
}

/** The first revision in the log of changes; the next one while it is empty. */
async function oldestRevision(session: Pick<SqlSession, 'one'>, current: number): Promise<number> {
  const row = await session.one<{ oldest: number | null }>('select min(revision) as oldest from registry_changes');
  return row?.oldest ?? current + 1;
}
