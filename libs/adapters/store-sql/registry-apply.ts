import {
  APPLIED_PLANS_MS,
  isSameAssociation,
  stateMoved,
  subjectText,
  type AppliedChange,
  type Association,
  type CarriedPlan,
  type KeptDigests,
  type RegistryChange,
  type RegistryFact,
  type SubjectName,
} from '#libs/core/registry';
import { removeAssociation, requireResourceUnmoved, setAssociation } from './registry-associations.js';
import { jsonOrNull } from './registry-rows.js';
import { requireVacancy } from './registry-vacancy.js';
import { SchemaRows, type Registered } from './schema-rows.js';
import { deleteTerms, insertTerms, termsText } from './registry-terms.js';
import { pairs, pieces } from './statement.js';
import type { SqlSession, SqlValue } from './sql-store.js';

/** Old events are looked for once in so many revisions, and up to four times as many are forgotten. */
const FORGET_EVERY = 256;
/** The longest that a change keeps everything else in the process waiting. */
const BREATH_MS = 5;

type Marked = Extract<RegistryFact, { type: 'version-soft-deleted' | 'version-restored' }>;

const SET = {
  config: 'update registry_subjects set config = ? where context = ? and name = ?',
  mode: 'update registry_subjects set mode = ? where context = ? and name = ?',
  registration: 'update registry_subjects set registration = ? where context = ? and name = ?',
} as const;

/** One change inside its transaction. */
export class RegistryApply {
  readonly #schemas: SchemaRows;
  #ordinal = 0;

  private constructor(
    private readonly session: SqlSession,
    private readonly revision: number,
    private readonly at: number,
  ) {
    this.#schemas = new SchemaRows(session);
  }

  /**
   * Takes the next revision, which also puts concurrent changes in line until this one commits: revisions become visible in their order. Then checks what
   * the change rests on and writes its facts.
   */
  static async run(session: SqlSession, change: RegistryChange, keepEventsMs = 0): Promise<AppliedChange> {
    const state = await session.one<{ revision: number }>(
      'update registry_state set revision = revision + 1 where id = 1 returning revision',
    );
    const apply = new RegistryApply(session, state!.revision, change.at);
    const breath = new Breath();
    await apply.#check(change, breath);
    const ids: number[] = [];
    for (const fact of change.facts) {
      const id = await apply.#fact(fact);
      if (id !== undefined) ids.push(id);
      await breath.take();
    }
    await requireVacancy(session, change, () => breath.take());
    if (change.digests !== undefined) await apply.#keepDigests(change.digests);
    if (change.plan !== undefined) await apply.#keepPlan(change.plan, ids);
    if (keepEventsMs > 0 && apply.revision % FORGET_EVERY === 0) await apply.#forgetEvents(keepEventsMs);
    return { revision: apply.revision, ids };
  }

  async #check({ expected, resource }: RegistryChange, breath: Breath): Promise<void> {
    if (resource !== undefined) await requireResourceUnmoved(this.session, resource);
    if (expected.length === 0) return;
    const revisions = new Map<string, number>();
    for (const piece of pieces(expected)) {
      const rows = await this.session.all<{ context: string; name: string; revision: number }>(
        `select context, name, revision from registry_subjects where (context, name) in (${pairs(piece.length)})`,
        piece.flatMap(({ subject }) => [subject.context, subject.name]),
      );
      for (const row of rows) revisions.set(subjectText(row), row.revision);
      await breath.take();
    }
    for (const { subject, revision } of expected) {
      const text = subjectText(subject);
      if ((revisions.get(text) ?? 0) !== revision) throw stateMoved(`Subject '${text}'`);
    }
  }

  async #fact(fact: RegistryFact): Promise<number | undefined> {
    switch (fact.type) {
      case 'version-registered':
        return this.#register(fact);
      case 'version-soft-deleted':
        return this.#mark(fact, 1);
      case 'version-restored':
        return this.#mark(fact, 0);
      case 'version-purged':
        return this.#purge(fact.subject, fact.version);
      case 'config-set':
        return this.#set('config', fact.subject, jsonOrNull(fact.config), fact.config);
      case 'mode-set':
        return this.#set('mode', fact.subject, fact.mode);
      case 'registration-set':
        return this.#set('registration', fact.subject, fact.policy);
      case 'ids-taken':
        await this.#schemas.raise(fact.context, fact.upTo, fact.listed);
        await this.#touch({ context: fact.context, name: '' });
        await this.#log('ids-taken', { context: fact.context, name: '' });
        return undefined;
      case 'id-retired':
        return this.#retire(fact);
      case 'association-set':
        return this.#associate(fact.association);
      case 'association-removed':
        return this.#lose(await removeAssociation(this.session, fact.association));
      case 'context-removed':
        await this.session.run('update registry_contexts set present = 0 where name = ?', [fact.context]);
        await this.#touch({ context: fact.context, name: '' });
        await this.#log('context-removed', { context: fact.context, name: '' });
        return undefined;
    }
  }

  async #register(fact: Registered): Promise<number> {
    const { subject, version, content } = fact;
    const id = await this.#schemas.idOf(subject.context, fact);
    const values = [id, content.guid, fact.registeredAt ?? this.at, this.revision, termsText(fact.terms)];
    const added = await this.session.run(
      `insert into registry_versions (context, subject, version, schema_id, guid, deleted, registered_at, revision, terms)
       values (?, ?, ?, ?, ?, 0, ?, ?, ?) on conflict (context, subject, version) do nothing`,
      [subject.context, subject.name, version, ...values],
    );
    const replaced = added === 1 ? undefined : await this.#replace(subject, version, values);
    if (replaced !== undefined) await deleteTerms(this.session, subject, version, replaced.terms);
    await insertTerms(this.session, subject, version, fact.terms);
    await this.#touch(subject);
    await this.#log('version-registered', subject, version, id);
    if (replaced !== undefined && replaced.schema_id !== id) {
      await this.#log('version-replaced', subject, version, replaced.schema_id);
      await this.#schemas.forgetUnused(subject.context, replaced.schema_id);
    }
    return id;
  }

  /** Puts another schema where a version stands. @returns what stood there. */
  async #replace(
    { context, name }: SubjectName,
    version: number,
    values: readonly SqlValue[],
  ): Promise<{ schema_id: number; terms: string | null } | undefined> {
    const replaced = await this.session.one<{ schema_id: number; terms: string | null }>(
      'select schema_id, terms from registry_versions where context = ? and subject = ? and version = ?',
      [context, name, version],
    );
    await this.session.run(
      `update registry_versions set schema_id = ?, guid = ?, deleted = 0, registered_at = ?, revision = ?, terms = ?
       where context = ? and subject = ? and version = ?`,
      [...values, context, name, version],
    );
    return replaced;
  }

  async #retire({ context, id, content }: Extract<RegistryFact, { type: 'id-retired' }>): Promise<undefined> {
    if (!(await this.#schemas.retire(context, id, content))) return;
    await this.#touch({ context, name: '' });
    await this.#log('id-retired', { context, name: '' });
  }

  async #mark({ type, subject, version }: Marked, deleted: 0 | 1): Promise<undefined> {
    const row = await this.session.one<{ schema_id: number }>(
      `update registry_versions set deleted = ? where context = ? and subject = ? and version = ? returning schema_id`,
      [deleted, subject.context, subject.name, version],
    );
    if (row === undefined) throw stateMoved(`Version ${version} of subject '${subjectText(subject)}'`);
    await this.#touch(subject);
    await this.#log(type, subject, version, row.schema_id);
  }

  async #purge(subject: SubjectName, version: number): Promise<undefined> {
    const row = await this.session.one<{ schema_id: number; terms: string | null }>(
      'delete from registry_versions where context = ? and subject = ? and version = ? returning schema_id, terms',
      [subject.context, subject.name, version],
    );
    if (row === undefined) throw stateMoved(`Version ${version} of subject '${subjectText(subject)}'`);
    await deleteTerms(this.session, subject, version, row.terms);
    await this.session.run('delete from registry_digests where context = ? and subject = ?', [
      subject.context,
      subject.name,
    ]);
    await this.#touch(subject);
    await this.#log('version-purged', subject, version, row.schema_id);
    await this.#schemas.forgetUnused(subject.context, row.schema_id);
  }

  async #set(
    column: keyof typeof SET,
    subject: SubjectName,
    stored: string | null,
    value: object | string | null = stored,
  ): Promise<undefined> {
    await this.#touch(subject);
    await this.session.run(SET[column], [stored, subject.context, subject.name]);
    await this.#log(`${column}-set`, subject, undefined, undefined, value === null ? null : JSON.stringify(value));
  }

  async #keepDigests({ subject, text }: KeptDigests): Promise<void> {
    await this.session.run(
      `insert into registry_digests (context, subject, document) values (?, ?, ?)
       on conflict (context, subject) do update set document = excluded.document`,
      [subject.context, subject.name, text],
    );
  }

  async #keepPlan({ hash, principal, key, outcome }: CarriedPlan, ids: readonly number[]): Promise<void> {
    await this.session.run('delete from registry_plans where applied_at < ?', [this.at - APPLIED_PLANS_MS]);
    await this.session.run(
      `insert into registry_plans (hash, principal, idempotency_key, applied_at, revision, ids, outcome) values (?, ?, ?, ?, ?, ?, ?)`,
      [hash, principal, key, this.at, this.revision, JSON.stringify(ids), JSON.stringify(outcome)],
    );
  }

  /** Forgets whole revisions from the oldest on, as many as are old enough but few at a time: nobody is to wait for it. */
  async #forgetEvents(keepMs: number): Promise<void> {
    const first = await this.session.one<{ oldest: number }>('select min(revision) as oldest from registry_changes');
    const end = first!.oldest + FORGET_EVERY * 4;
    const kept = await this.session.one<{ revision: number | null }>(
      'select min(revision) as revision from registry_changes where revision < ? and at >= ?',
      [end, this.at - keepMs],
    );
    await this.session.run('delete from registry_changes where revision < ?', [kept?.revision ?? end]);
  }

  /** A subject that has lost an association to another subject, or to another resource of the name, is told so before the new one is. */
  async #associate(association: Association): Promise<undefined> {
    const replaced = await setAssociation(this.session, association, this.revision);
    await this.#lose(replaced.filter((one) => !isSameAssociation(one, association)));
    await this.#touch(association.subject);
    await this.#logAssociation('association-set', association);
  }

  async #lose(associations: readonly Association[]): Promise<undefined> {
    for (const one of associations) {
      await this.#touch(one.subject);
      await this.#logAssociation('association-removed', one);
    }
  }

  #logAssociation(kind: 'association-set' | 'association-removed', one: Association): Promise<void> {
    return this.#log(kind, one.subject, undefined, undefined, JSON.stringify(one));
  }

  async #touch(subject: SubjectName): Promise<void> {
    await this.session.run(
      `insert into registry_subjects (context, name, revision) values (?, ?, ?)
       on conflict (context, name) do update set revision = excluded.revision`,
      [subject.context, subject.name, this.revision],
    );
  }

  async #log(
    kind: string,
    subject: SubjectName,
    version?: number,
    schemaId?: number,
    value: string | null = null,
  ): Promise<void> {
    const { context, name } = subject;
    await this.session.run(
      `insert into registry_changes (revision, ordinal, at, kind, context, subject, version, schema_id, value)
       values (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      [this.revision, this.#ordinal++, this.at, kind, context, name, version ?? null, schemaId ?? null, value],
    );
  }
}

/** Lets the event loop go on between the facts of a large change: SQLite answers at once, so nothing else here would. The transaction stays open meanwhile. */
class Breath {
  #since = performance.now();

  async take(): Promise<void> {
    if (performance.now() - this.#since < BREATH_MS) return;
    await new Promise<void>((resolve) => setImmediate(resolve));
    this.#since = performance.now();
  }
}
