import { idsExhausted, notPermitted, stateMoved } from '../errors.js';
import {
  isSameAssociation,
  type Association,
  type SchemaRecord,
  type SubjectState,
  type VersionRow,
} from '../model.js';
import { identityOf, type IdChoice, type ReferenceTarget, type RegistryFact } from '../store.js';
import { subjectText, type SubjectName } from '../subject-name.js';
import { inOrder, orderKey, ownerIn, stateIn, type LoggedChange, type Tables } from './memory-registry-tables.js';

const MAX_ID = 2_147_483_647;

/**
 * Makes a fact true in the tables and logs it. @param isTaken whether an id that stood for other content is refused.
 * @returns the id of a registered version.
 * @throws `registry-state-moved` where the fact does not follow from the tables; `operation-not-permitted`, `schema-ids-exhausted`.
 */
export function makeTrue(tables: Tables, fact: RegistryFact, at: number, isTaken: () => boolean): number | undefined {
  switch (fact.type) {
    case 'version-registered':
      return register(tables, fact, at, isTaken);
    case 'version-soft-deleted':
      changeVersion(tables, fact, at, (row) => [{ ...row, deleted: true }]);
      return undefined;
    case 'version-restored':
      changeVersion(tables, fact, at, (row) => [{ ...row, deleted: false }]);
      return undefined;
    case 'version-purged': {
      const row = changeVersion(tables, fact, at, () => []);
      forgetUnused(tables, fact.subject.context, row.schemaId);
      tables.digests.delete(subjectText(fact.subject));
      return undefined;
    }
    case 'config-set':
      touch(tables, fact.subject, { config: fact.config }, { at, type: fact.type, value: fact.config });
      return undefined;
    case 'mode-set':
      touch(tables, fact.subject, { mode: fact.mode }, { at, type: fact.type, value: fact.mode });
      return undefined;
    case 'registration-set':
      touch(tables, fact.subject, { registration: fact.policy }, { at, type: fact.type, value: fact.policy });
      return undefined;
    case 'ids-taken': {
      const context = tables.contexts.get(fact.context) ?? { lastId: 0, present: false };
      const lastId = Math.max(context.lastId, fact.upTo);
      tables.contexts.set(fact.context, { lastId, present: context.present || fact.listed });
      touch(tables, { context: fact.context, name: '' }, {}, { at });
      return undefined;
    }
    case 'id-retired':
      if (retire(tables, fact.context, fact.id, fact.content)) {
        touch(tables, { context: fact.context, name: '' }, {}, { at });
      }
      return undefined;
    case 'association-set':
    case 'association-removed': {
      const { association } = fact;
      const [gone, kept] = [true, false].map((replaced) =>
        tables.associations.filter(
          (row) =>
            (sameResource(row.association, association) ||
              (fact.type === 'association-set' && sameName(row.association, association))) === replaced,
        ),
      );
      const set = fact.type === 'association-set' ? [{ association, revision: tables.revision }] : [];
      tables.associations = [...kept!, ...set];
      for (const { association: lost } of gone!) {
        if (fact.type === 'association-set' && isSameAssociation(lost, association)) continue;
        touch(tables, lost.subject, {}, { at, type: 'association-removed', value: lost });
      }
      for (const { association: got } of set) touch(tables, got.subject, {}, { at, type: fact.type, value: got });
      return undefined;
    }
    case 'context-removed': {
      const context = tables.contexts.get(fact.context);
      if (context !== undefined) tables.contexts.set(fact.context, { ...context, present: false });
      touch(tables, { context: fact.context, name: '' }, {}, { at, type: fact.type });
      return undefined;
    }
  }
}

function register(
  tables: Tables,
  fact: Extract<RegistryFact, { type: 'version-registered' }>,
  at: number,
  isTaken: () => boolean,
): number {
  const { subject, version, content } = fact;
  const id = schemaRow(tables, subject.context, fact, isTaken);
  const state = stateIn(tables, subject);
  const replaced = state.versions.find((row) => row.version === version);
  const registeredAt = fact.registeredAt ?? at;
  const row: VersionRow = { version, schemaId: id, guid: content.guid, deleted: false, registeredAt };
  const versions = [...state.versions.filter((one) => one.version !== version), row];
  tables.order.set(orderKey(subject, version), tables.revision);
  tables.terms.set(orderKey(subject, version), fact.terms);
  const sorted = versions.sort((a, b) => a.version - b.version);
  touch(tables, subject, { versions: sorted }, { at, type: fact.type, version, schemaId: id });
  if (replaced !== undefined && replaced.schemaId !== id) {
    touch(tables, subject, {}, { at, type: 'version-replaced', version, schemaId: replaced.schemaId });
    forgetUnused(tables, subject.context, replaced.schemaId);
  }
  return id;
}

function schemaRow(
  tables: Tables,
  context: string,
  { id: choice, content, targets }: { id: IdChoice; content: SchemaRecord; targets: readonly ReferenceTarget[] },
  isTaken: () => boolean,
): number {
  const identity = identityOf(content);
  const owner = ownerIn(tables, context, identity);
  if (choice.kind === 'known') {
    if (owner !== choice.id) throw stateMoved(`The id of schema ${content.guid}`);
    return choice.id;
  }
  if (choice.kind === 'shared') {
    if (owner === undefined) throw stateMoved(`The id of schema ${content.guid}`);
    return owner;
  }
  const space = tables.contexts.get(context) ?? { lastId: 0, present: true };
  if (choice.kind === 'new') {
    if (owner !== undefined && choice.collides !== true) throw stateMoved(`The id of schema ${content.guid}`);
    if (space.lastId >= MAX_ID) throw idsExhausted(context);
  }
  const id = choice.kind === 'given' ? choice.id : space.lastId + 1;
  const key = `${context}/${id}`;
  if (isTaken()) requireOwn(tables, context, id, content);
  const staysBehind = choice.kind === 'new' ? choice.collides === true : choice.secondary === true && owner !== id;
  if (owner !== undefined && !staysBehind) {
    const ownerKey = `${context}/${owner}`;
    tables.schemas.set(ownerKey, { ...tables.schemas.get(ownerKey)!, identity: null });
  }
  tables.schemas.set(key, { context, id, content, targets, identity: staysBehind ? null : identity, purged: false });
  tables.contexts.set(context, { lastId: Math.max(space.lastId, id), present: true });
  return id;
}

/** @throws `operation-not-permitted` when the id stands or stood for other content. */
function requireOwn(
  tables: Tables,
  context: string,
  id: number,
  content: Pick<SchemaRecord, 'guid' | 'schemaType'>,
): void {
  const present = tables.schemas.get(`${context}/${id}`);
  if (present === undefined || identityOf(present.content) === identityOf(content)) return;
  const place = context === '.' ? '' : `:${context}:`;
  throw notPermitted(`Overwrite new schema with id ${id} in context ${place} is not permitted.`);
}

/** @returns whether the id was unknown. */
function retire(
  tables: Tables,
  context: string,
  id: number,
  { guid, schemaType }: Pick<SchemaRecord, 'guid' | 'schemaType'>,
): boolean {
  requireOwn(tables, context, id, { guid, schemaType });
  const key = `${context}/${id}`;
  if (tables.schemas.has(key)) return false;
  const content = { guid, schemaType, text: '', references: [], metadata: null, ruleSet: null };
  tables.schemas.set(key, { context, id, content, targets: [], identity: null, purged: true });
  const space = tables.contexts.get(context) ?? { lastId: 0, present: false };
  tables.contexts.set(context, { ...space, lastId: Math.max(space.lastId, id) });
  return true;
}

function changeVersion(
  tables: Tables,
  { type, subject, version }: Extract<RegistryFact, { version: number }>,
  at: number,
  change: (row: VersionRow) => readonly VersionRow[],
): VersionRow {
  const { versions } = stateIn(tables, subject);
  const row = versions.find((one) => one.version === version);
  if (row === undefined) throw stateMoved(`Version ${version} of subject '${subjectText(subject)}'`);
  const after = versions.flatMap((one) => (one === row ? change(one) : [one]));
  touch(tables, subject, { versions: after }, { at, type, version, schemaId: row.schemaId });
  return row;
}

function forgetUnused(tables: Tables, context: string, id: number): void {
  const used = [...tables.subjects.values()].some(
    (state) => state.subject.context === context && state.versions.some((row) => row.schemaId === id),
  );
  const key = `${context}/${id}`;
  const row = tables.schemas.get(key);
  if (used || row === undefined) return;
  tables.schemas.set(key, { ...row, targets: [], identity: null, purged: true });
  if (row.identity === null) return;
  const heirs = [...tables.schemas.values()].filter(
    (one) => one.context === context && !one.purged && identityOf(one.content) === row.identity,
  );
  const heir = heirs.sort((a, b) => b.id - a.id)[0];
  if (heir !== undefined) tables.schemas.set(`${context}/${heir.id}`, { ...heir, identity: row.identity });
}

function touch(
  tables: Tables,
  subject: SubjectName,
  changes: Partial<SubjectState>,
  log: Pick<LoggedChange, 'at'> & Partial<LoggedChange>,
): void {
  const { revision } = tables;
  const state = stateIn(tables, subject);
  tables.subjects.set(subjectText(subject), { ...state, ...changes, revision });
  const ordinal = tables.changes.filter((one) => one.revision === revision).length;
  const { at, type, version = null, schemaId = null, value = null } = log;
  tables.changes.push({ revision, ordinal, at, type, subject, version, schemaId, value });
}

function sameResource(a: Association, b: Association): boolean {
  return a.resourceId === b.resourceId && a.resourceType === b.resourceType && a.associationType === b.associationType;
}

/** Whether both are of resources of the same name with the same subject. */
function sameName(a: Association, b: Association): boolean {
  return inOrder(a, b) === 0;
}
