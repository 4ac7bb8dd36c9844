import {
  APPLIED_PLANS_MS,
  identityOf,
  idsExhausted,
  isSameAssociation,
  notPermitted,
  stateMoved,
  subjectText,
  type AppliedChange,
  type Association,
  type CarriedPlan,
  type IdChoice,
  type KeptDigests,
  type RegistryChange,
  type RegistryFact,
  type SubjectName,
} from '#libs/core/registry';
import { removeAssociation, requireResourceUnmoved, setAssociation } from './registry-associations.js';
import { jsonOrNull } from './registry-rows.js';
import { deleteTerms, insertTerms, termsText } from './registry-terms.js';
import { pairs, pieces } from './statement.js';
import type { SqlSession, SqlValue } from './sql-store.js';

/** Ids are Java ints on the wire. */
const MAX_ID = 2_147_483_647;

/** Old events are looked for once in so many revisions, and up to four times as many are forgotten. */
const FORGET_EVERY = 256;
/** The longest that a change keeps everything else in the process waiting. */
const BREATH_MS = 5;

type Registered = Extract<RegistryFact, { type: 'version-registered' }>;
type Marked = Extract<RegistryFact, { type: 'version-soft-deleted' | 'version-restored' }>;

const SET = {
  config: 'update registry_subjects set config = ? where context = ? and name = ?',
  mode: 'update registry_subjects set mode = ? where context = ? and name = ?',
  registration: 'update registry_subjects set registration = ? where context = ? and name = ?',
} as const;

/** One change inside its transaction. */
export class RegistryApply {
  #ordinal = 0;

  private constructor(
    private readonly session: SqlSession,
    private readonly revision: number,
    private readonly at: number,
  ) {}

  /**
   * Takes the next revision, which also puts concurrent changes in line until this one commits: revisions become visible in their order. Then checks what
   * the change rests on and writes its facts.
   */
  static async run(session: SqlSession, change: RegistryChange, keepEventsMs = 0): Promise<AppliedChange> {
    const state = await session.one<{ revision: number }>(
      'update registry_state set revision = revision + 1 where id = 1 returning revision',
    );
    const apply = new RegistryApply(session, state!.revision, change.at);
    await apply.#check(change);
    const ids: number[] = [];
    const breath = new Breath();
    for (const fact of change.facts) {
      const id = await apply.#fact(fact);
      if (id !== undefined) ids.push(id);
      await breath.take();
    }
    if (change.digests !== undefined) await apply.#keepDigests(change.digests);
    if (change.plan !== undefined) await apply.#keepPlan(change.plan, ids);
    if (keepEventsMs > 0 && apply.revision % FORGET_EVERY === 0) await apply.#forgetEvents(keepEventsMs);
    return { revision: apply.revision, ids };
  }

  async #check({ expected, resource }: RegistryChange): Promise<void> {
    if (resource !== undefined) await requireResourceUnmoved(this.session, resource);
    if (expected.length === 0) return;
    const revisions = new Map<string, number>();
    for (const piece of pieces(expected)) {
      const rows = await this.session.all<{ context: string; name: string; revision: number }>(
        `select context, name, revision from registry_subjects where (context, name) in (${pairs(piece.length)})`,
        piece.flatMap(({ subject }) => [subject.context, subject.name]),
      );
      for (const row of rows) revisions.set(subjectText(row), row.revision);
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
        await this.#raise(fact.context, fact.upTo, fact.listed);
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
    const id = await this.#schema(subject.context, fact);
    const values = [id, fact.registeredAt ?? this.at, this.revision, termsText(fact.terms)];
    const added = await this.session.run(
      `insert into registry_versions (context, subject, version, schema_id, deleted, registered_at, revision, terms)
       values (?, ?, ?, ?, 0, ?, ?, ?) on conflict (context, subject, version) do nothing`,
      [subject.context, subject.name, version, ...values],
    );
    const replaced = added === 1 ? undefined : await this.#replace(subject, version, values);
    if (replaced !== undefined) await deleteTerms(this.session, subject, version, replaced.terms);
    await insertTerms(this.session, subject, version, fact.terms);
    await this.#touch(subject);
    await this.#log('version-registered', subject, version, id);
    if (replaced !== undefined && replaced.schema_id !== id) {
      await this.#log('version-replaced', subject, version, replaced.schema_id);
      await this.#forgetUnused(subject.context, replaced.schema_id);
    }
    // Touching what is referred to makes a deletion decided before this moment fail.
    for (const target of content.references.length === 0 ? [] : fact.targets) {
      await this.#touch(target.subject);
      await this.#log('version-referenced', target.subject, target.version, undefined);
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
      `update registry_versions set schema_id = ?, deleted = 0, registered_at = ?, revision = ?, terms = ?
       where context = ? and subject = ? and version = ?`,
      [...values, context, name, version],
    );
    return replaced;
  }

  /** The row of the schema, made when needed. */
  async #schema(context: string, fact: Registered): Promise<number> {
    const { content } = fact;
    const identity = identityOf(content);
    const choice: IdChoice = fact.id;
    if (choice.kind === 'known') {
      const owner = await this.#owner(context, identity);
      if (owner !== choice.id) throw stateMoved(`The id of schema ${content.guid}`);
      return choice.id;
    }
    if (choice.kind === 'shared') {
      const owner = await this.#owner(context, identity);
      if (owner === undefined) throw stateMoved(`The id of schema ${content.guid}`);
      return owner;
    }
    if (choice.kind === 'new') {
      const id = await this.#nextId(context);
      const added = await this.#insertSchema(context, id, fact, choice.collides === true ? null : identity);
      if (!added) throw stateMoved(`The id of schema ${content.guid}`);
      return id;
    }
    return this.#given(context, choice, fact, identity);
  }

  async #given(
    context: string,
    { id, secondary }: Extract<IdChoice, { kind: 'given' }>,
    fact: Registered,
    identity: string,
  ): Promise<number> {
    const { content } = fact;
    const row = await this.session.one<{ guid: string; schema_type: string; text: string; purged: number }>(
      'select guid, schema_type, text, purged from registry_schemas where context = ? and id = ?',
      [context, id],
    );
    const same = row?.guid === content.guid && row.schema_type === content.schemaType;
    if (row !== undefined && !(same && (row.purged !== 0 || row.text === content.text))) throw idTaken(context, id);
    await this.#raise(context, id, true);
    const owner = secondary === true ? await this.#owner(context, identity) : undefined;
    const own = owner === undefined || owner === id ? identity : null;
    // The id stored last is the one that later registrations of the content get.
    if (own !== null) {
      await this.session.run('update registry_schemas set identity = null where context = ? and identity = ?', [
        context,
        identity,
      ]);
    }
    if (row === undefined) {
      await this.#insertSchema(context, id, fact, own);
      return id;
    }
    await this.session.run(
      `update registry_schemas set identity = ?, text = ?, schema_references = ?, metadata = ?, rule_set = ?, purged = 0
       where context = ? and id = ?`,
      [
        own,
        content.text,
        jsonOrNull(content.references as object),
        jsonOrNull(content.metadata),
        jsonOrNull(content.ruleSet),
        context,
        id,
      ],
    );
    if (row.purged !== 0) await this.#insertReferences(context, id, fact);
    return id;
  }

  /** Ids up to this one are given out; the context is listed if so. */
  async #raise(context: string, upTo: number, listed: boolean): Promise<void> {
    await this.session.run(
      `insert into registry_contexts (name, last_id, present) values (?, ?, ?)
       on conflict (name) do update set
         present = case when excluded.present = 1 then 1 else registry_contexts.present end,
         last_id = case when registry_contexts.last_id < excluded.last_id then excluded.last_id else registry_contexts.last_id end`,
      [context, upTo, listed ? 1 : 0],
    );
  }

  async #retire({ context, id, content }: Extract<RegistryFact, { type: 'id-retired' }>): Promise<undefined> {
    const row = await this.session.one<{ guid: string; schema_type: string }>(
      'select guid, schema_type from registry_schemas where context = ? and id = ?',
      [context, id],
    );
    if (row !== undefined) {
      if (row.guid !== content.guid || row.schema_type !== content.schemaType) throw idTaken(context, id);
      return;
    }
    await this.#raise(context, id, false);
    await this.session.run(
      `insert into registry_schemas (context, id, guid, identity, schema_type, text, schema_references, metadata, rule_set, purged)
       values (?, ?, ?, null, ?, '', null, null, null, 1)`,
      [context, id, content.guid, content.schemaType],
    );
    await this.#touch({ context, name: '' });
    await this.#log('id-retired', { context, name: '' });
  }

  async #owner(context: string, identity: string): Promise<number | undefined> {
    const row = await this.session.one<{ id: number }>(
      'select id from registry_schemas where context = ? and identity = ?',
      [context, identity],
    );
    return row?.id;
  }

  async #nextId(context: string): Promise<number> {
    const row = await this.session.one<{ last_id: number }>(
      `insert into registry_contexts (name, last_id, present) values (?, 1, 1)
       on conflict (name) do update set last_id = registry_contexts.last_id + 1, present = 1
       where registry_contexts.last_id < ${MAX_ID} returning last_id`,
      [context],
    );
    if (row === undefined) throw idsExhausted(context);
    return row.last_id;
  }

  /** @returns whether the identity was free. */
  async #insertSchema(context: string, id: number, fact: Registered, identity: string | null): Promise<boolean> {
    const { content } = fact;
    const added = await this.session.run(
      `insert into registry_schemas (context, id, guid, identity, schema_type, text, schema_references, metadata, rule_set, purged)
       values (?, ?, ?, ?, ?, ?, ?, ?, ?, 0) on conflict (context, identity) do nothing`,
      [
        context,
        id,
        content.guid,
        identity,
        content.schemaType,
        content.text,
        jsonOrNull(content.references as object),
        jsonOrNull(content.metadata),
        jsonOrNull(content.ruleSet),
      ],
    );
    if (added === 1) await this.#insertReferences(context, id, fact);
    return added === 1;
  }

  async #insertReferences(context: string, id: number, { targets }: Registered): Promise<void> {
    for (const [ordinal, { subject, version }] of targets.entries()) {
      await this.session.run(
        `insert into registry_references (context, schema_id, ordinal, target_context, target_subject, target_version)
         values (?, ?, ?, ?, ?, ?)`,
        [context, id, ordinal, subject.context, subject.name, version],
      );
    }
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
    await this.#forgetUnused(subject.context, row.schema_id);
  }

  /** A schema that no version carries keeps its id and GUID for ever, and nothing else. */
  async #forgetUnused(context: string, id: number): Promise<void> {
    const used = await this.session.one(
      'select 1 as used from registry_versions where context = ? and schema_id = ? limit 1',
      [context, id],
    );
    if (used !== undefined) return;
    const row = await this.session.one<{ guid: string; schema_type: string; identity: string | null }>(
      'select guid, schema_type, identity from registry_schemas where context = ? and id = ?',
      [context, id],
    );
    await this.session.run(
      `update registry_schemas set purged = 1, identity = null, text = '', schema_references = null, metadata = null, rule_set = null
       where context = ? and id = ?`,
      [context, id],
    );
    await this.session.run('delete from registry_references where context = ? and schema_id = ?', [context, id]);
    if (row === undefined || row.identity === null) return;
    // Another id may carry the same content, from an import; it takes over.
    const heir = await this.session.one<{ id: number | null }>(
      'select max(id) as id from registry_schemas where context = ? and guid = ? and schema_type = ? and purged = 0',
      [context, row.guid, row.schema_type],
    );
    if (heir === undefined || heir.id === null) return;
    await this.session.run('update registry_schemas set identity = ? where context = ? and id = ?', [
      row.identity,
      context,
      heir.id,
    ]);
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

function idTaken(context: string, id: number): Error {
  const place = context === '.' ? '' : `:${context}:`;
  return notPermitted(`Overwrite new schema with id ${id} in context ${place} is not permitted.`, { id, context });
}
