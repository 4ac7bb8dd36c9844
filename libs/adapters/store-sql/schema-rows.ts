import {
  idsExhausted,
  identityOf,
  notPermitted,
  stateMoved,
  type IdChoice,
  type RegistryFact,
} from '#libs/core/registry';
import { jsonOrNull } from './registry-rows.js';
import type { SqlSession } from './sql-store.js';

/** Ids are Java ints on the wire. */
const MAX_ID = 2_147_483_647;

/** The fact that a subject has a version more. */
export type Registered = Extract<RegistryFact, { type: 'version-registered' }>;

/** The schemas of a context by id, inside the transaction of a change: which id a content has, and that none is ever given out twice. */
export class SchemaRows {
  constructor(private readonly session: SqlSession) {}

  /** The id of the schema that a version carries; its row is made when needed. Throws when what the choice rests on has moved. */
  async idOf(context: string, fact: Registered): Promise<number> {
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
    await this.raise(context, id, true);
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
  async raise(context: string, upTo: number, listed: boolean): Promise<void> {
    await this.session.run(
      `insert into registry_contexts (name, last_id, present) values (?, ?, ?)
       on conflict (name) do update set
         present = case when excluded.present = 1 then 1 else registry_contexts.present end,
         last_id = case when registry_contexts.last_id < excluded.last_id then excluded.last_id else registry_contexts.last_id end`,
      [context, upTo, listed ? 1 : 0],
    );
  }

  /** Takes an id that no version carries any more, with the GUID it had. @returns whether it was free; it may be repeated. */
  async retire(
    context: string,
    id: number,
    content: Extract<RegistryFact, { type: 'id-retired' }>['content'],
  ): Promise<boolean> {
    const row = await this.session.one<{ guid: string; schema_type: string }>(
      'select guid, schema_type from registry_schemas where context = ? and id = ?',
      [context, id],
    );
    if (row !== undefined) {
      if (row.guid !== content.guid || row.schema_type !== content.schemaType) throw idTaken(context, id);
      return false;
    }
    await this.raise(context, id, false);
    await this.session.run(
      `insert into registry_schemas (context, id, guid, identity, schema_type, text, schema_references, metadata, rule_set, purged)
       values (?, ?, ?, null, ?, '', null, null, null, 1)`,
      [context, id, content.guid, content.schemaType],
    );
    return true;
  }

  /** A schema that no version carries keeps its id and GUID for ever, and nothing else. */
  async forgetUnused(context: string, id: number): Promise<void> {
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
}

function idTaken(context: string, id: number): Error {
  const place = context === '.' ? '' : `:${context}:`;
  return notPermitted(`Overwrite new schema with id ${id} in context ${place} is not permitted.`, { id, context });
}
