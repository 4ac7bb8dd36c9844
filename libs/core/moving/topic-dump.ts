import { isJsonObject, type JsonObject, type JsonValue } from '#libs/core/kernel';
import { contractValues, GLOBAL_CONTEXT, subjectText, type SubjectName } from '#libs/core/registry';
import type { MovedEntry, MovedVersion } from './entry.js';
import { namedLevel } from './export-format.js';
import { configFrom, entryInvalid, modeFrom, scopeFrom, subjectFrom, versionFrom } from './read-entry.js';
import type { StagingChange } from './staging.js';

/**
 * The compacted topic in which the reference registry keeps its state, `_schemas`: JSON keys with a `keytype`, JSON values, null for what is gone. Of several records
 * with one key the last counts; records that concern several versions mean those before them.
 */

/** Kinds of records, in the reference's words. */
const DUMP_KEY_TYPES = ['SCHEMA', 'CONFIG', 'MODE', 'DELETE_SUBJECT', 'CLEAR_SUBJECT', 'CONTEXT', 'NOOP'] as const;
export type DumpKeyType = (typeof DUMP_KEY_TYPES)[number];

/** A record of the topic, both sides parsed. */
export interface DumpRecord {
  readonly key: JsonObject;
  /** Null: a tombstone. */
  readonly value: JsonValue;
  /** When it was written, epoch ms, where that is told beside it. */
  readonly at?: number;
}

/**
 * What a record changes.
 * @returns its type, or null for one that is not known here, and the changes; none for what says nothing about schemas and settings.
 * @throws `import-entry-invalid`
 */
export function changesOf(
  { key, value }: DumpRecord,
  what: string,
): { readonly type: DumpKeyType | null; readonly changes: readonly StagingChange[] } {
  const type = DUMP_KEY_TYPES.find((one) => one === key['keytype']) ?? null;
  switch (type) {
    case 'SCHEMA':
      return { type, changes: [schemaChange(key, value, what)] };
    case 'CONFIG': {
      const scope = scopeFrom(key['subject'], what);
      if (value === null) return { type, changes: [gone('config', scope)] };
      return { type, changes: [{ type: 'put', entry: { kind: 'config', scope, config: configFrom(value, what) } }] };
    }
    case 'MODE': {
      const scope = scopeFrom(key['subject'], what);
      if (value === null) return { type, changes: [gone('mode', scope)] };
      return { type, changes: [{ type: 'put', entry: { kind: 'mode', scope, mode: modeFrom(value, scope, what) } }] };
    }
    case 'DELETE_SUBJECT': {
      if (value === null) return { type, changes: [] };
      const version = isJsonObject(value) ? value['version'] : undefined;
      if (typeof version !== 'number' || !Number.isInteger(version)) throw entryInvalid(what, 'it names no version');
      return { type, changes: [{ type: 'delete-up-to', subject: subjectFrom(key['subject'], what), version }] };
    }
    case 'CLEAR_SUBJECT':
      return {
        type,
        changes: value === null ? [] : [{ type: 'clear-deleted', scope: clearedScope(key['subject'], what) }],
      };
    case 'CONTEXT': {
      const { context } = key;
      if (typeof context !== 'string' || !/^\.[^:]*$/.test(context)) throw entryInvalid(what, 'it names no context');
      if (value === null)
        return { type, changes: [{ type: 'remove', key: { kind: 'context', context, name: '', number: 0 } }] };
      return { type, changes: [{ type: 'put', entry: { kind: 'context', context, lastId: 0, listed: true } }] };
    }
    case 'NOOP':
    case null:
      return { type, changes: [] };
  }
}

function schemaChange(key: JsonObject, value: JsonValue, what: string): StagingChange {
  const subject = subjectFrom(key['subject'], what);
  const { version } = key;
  if (typeof version !== 'number') throw entryInvalid(what, 'its key has no version');
  if (value === null) {
    return { type: 'remove', key: { kind: 'version', context: subject.context, name: subject.name, number: version } };
  }
  return { type: 'put', entry: versionFrom(value, subject, version, what) };
}

function gone(kind: 'config' | 'mode', { context, name }: SubjectName): StagingChange {
  return { type: 'remove', key: { kind, context, name, number: 0 } };
}

/** Null for all contexts. */
function clearedScope(subject: unknown, what: string): SubjectName | null {
  const scope = scopeFrom(subject, what);
  return scope.context === GLOBAL_CONTEXT ? null : scope;
}

/** The record of an entry, key and value as text in the reference's order of members; undefined for what its topic has no record for. */
export function dumpRecordOf(entry: MovedEntry): { readonly key: string; readonly value: string } | undefined {
  switch (entry.kind) {
    case 'context':
      if (entry.context === '.' || !entry.listed) return undefined;
      return record(
        { keytype: 'CONTEXT', tenant: 'default', context: entry.context, magic: 0 },
        { tenant: 'default', context: entry.context },
      );
    case 'version':
      return schemaRecord(entry);
    case 'config': {
      const subject = scopeText(entry.scope);
      return record({ keytype: 'CONFIG', subject, magic: 0 }, { subject, ...namedLevel(entry.config) });
    }
    case 'mode': {
      const subject = scopeText(entry.scope);
      return record({ keytype: 'MODE', subject, magic: 0 }, { subject, mode: entry.mode });
    }
    case 'retired':
    case 'registration':
    case 'association':
      return undefined;
  }
}

function schemaRecord({ subject: name, version, id, content, deleted }: MovedVersion): { key: string; value: string } {
  const subject = subjectText(name);
  const { schemaType, text, references, metadata, ruleSet } = content;
  return record(
    { keytype: 'SCHEMA', subject, version, magic: 1 },
    {
      subject,
      version,
      id,
      ...(schemaType === 'AVRO' ? {} : { schemaType }),
      ...(references.length === 0 ? {} : { references }),
      ...(metadata === null ? {} : { metadata }),
      ...(ruleSet === null ? {} : { ruleSet }),
      schema: text,
      deleted,
    },
  );
}

/** The default context has no name of its own there. */
function scopeText(scope: SubjectName): string | null {
  return subjectText(scope) === '' ? null : subjectText(scope);
}

function record(key: object, value: object): { key: string; value: string } {
  return { key: JSON.stringify(key), value: JSON.stringify(value) };
}

/** Whether a JSON value is the key of such a record. */
export function isDumpKey(value: unknown): value is JsonObject {
  return isJsonObject(value) && typeof contractValues.member(value, 'keytype') === 'string';
}
