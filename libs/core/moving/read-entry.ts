import { AppError, isAppError, isJsonObject, type JsonObject, type JsonValue } from '#libs/core/kernel';
import {
  associationTypeOf,
  contractValues,
  LIFECYCLES,
  modeNamed,
  parseSubject,
  requireResource,
  requireUsableScope,
  requireUsableSubject,
  subjectText,
  type Association,
  type RegistryConfig,
  type SubjectName,
} from '#libs/core/registry';
import { SCHEMA_LIMITS, SCHEMA_TYPES, type SchemaReference, type SchemaType } from '#libs/core/schema';
import type { MovedVersion } from './entry.js';

/** Reading what another registry says: answers of its API and records of its topic have the same objects. Nothing of it is trusted. */

/** Ids and versions are Java ints. */
const MAX_NUMBER = 2_147_483_647;
/** Characters of metadata, rules and references of a version, or of settings, as many as a body has that sets them here. What is longer could be served by nobody in one piece. */
const SETTINGS_LENGTH = 2_097_152;

/** An entry that cannot be used, with what is wrong. Texts name members, never contents. */
export function entryInvalid(what: string, why: string): AppError {
  return new AppError({
    kind: 'unprocessable',
    code: 'import-entry-invalid',
    message: `${what} cannot be imported: ${why}.`,
    details: { entry: what, why },
  });
}

/** A version as its registry prints it, under a subject and number that are known already. @throws `import-entry-invalid` */
export function versionFrom(
  json: JsonValue | undefined,
  subject: SubjectName,
  version: number,
  what: string,
): MovedVersion {
  if (!isJsonObject(json)) throw entryInvalid(what, 'it is no object');
  return reading(what, () => {
    const { id, metadata, ruleSet, ...sent } = contractValues.registrationFrom(json);
    const text = sent.schema ?? '';
    demandLength('textLength', 'schema', text.length, SCHEMA_LIMITS.textLength);
    demandSettings('data contract', [json['metadata'], json['ruleSet'], json['references']]);
    const registeredAt = contractValues.member(json, 'ts');
    return {
      kind: 'version',
      subject,
      version: number(version, 'version'),
      id: number(id, 'id'),
      content: {
        schemaType: schemaType(sent.schemaType),
        text,
        references: (sent.references ?? []).map(reference),
        metadata: metadata ?? null,
        ruleSet: ruleSet ?? null,
      },
      guid: guidFrom(json),
      deleted: contractValues.boolean(json, 'deleted') === true,
      registeredAt: isTime(registeredAt) ? registeredAt : null,
      secondary: false,
    };
  });
}

/** An association as answers print it. @throws `import-entry-invalid` */
export function associationFrom(json: JsonValue, what: string): Association {
  if (!isJsonObject(json)) throw entryInvalid(what, 'it is no object');
  const text = (name: string): string | null => contractValues.string(json, name) ?? null;
  return reading(what, () => {
    const resource = requireResource(
      {
        resourceName: text('resourceName'),
        resourceNamespace: text('resourceNamespace'),
        resourceId: text('resourceId'),
        resourceType: text('resourceType'),
      },
      false,
    );
    const lifecycle = LIFECYCLES.find((one) => one === text('lifecycle'));
    if (lifecycle === undefined) throw entryInvalid(what, 'its lifecycle is none');
    const guid = guidFrom(json);
    if (guid === null) throw entryInvalid(what, 'it has no GUID');
    const [createdAt, updatedAt] = ['createTs', 'updateTs'].map((name) => contractValues.member(json, name));
    return {
      guid,
      subject: subjectFrom(text('subject'), what),
      ...resource,
      resourceId: resource.resourceId ?? '',
      associationType: associationTypeOf(text('associationType')),
      lifecycle,
      frozen: contractValues.boolean(json, 'frozen') === true,
      createdAt: isTime(createdAt) ? createdAt : 0,
      updatedAt: isTime(updatedAt) ? updatedAt : 0,
    };
  });
}

function guidFrom(json: JsonObject): string | null {
  const guid = contractValues.string(json, 'guid')?.toLowerCase() ?? null;
  return guid !== null && /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(guid) ? guid : null;
}

/** Settings as answers and the topic print them. @throws `import-entry-invalid` */
export function configFrom(json: JsonValue, what: string): RegistryConfig {
  if (!isJsonObject(json)) throw entryInvalid(what, 'it is no object');
  return reading(what, () => {
    demandSettings('configuration', json);
    const update = contractValues.configFrom(json, 'compatibilityLevel');
    return Object.fromEntries(Object.entries(update).filter(([, value]) => value !== null));
  });
}

/** @throws `import-entry-invalid` */
export function modeFrom(json: JsonValue, scope: SubjectName, what: string): ReturnType<typeof modeNamed> {
  if (!isJsonObject(json)) throw entryInvalid(what, 'it is no object');
  return reading(what, () => modeNamed(contractValues.string(json, 'mode'), scope));
}

/** A subject as its registry names it. @throws `import-entry-invalid` for names that no subject may have here. */
export function subjectFrom(text: unknown, what: string): SubjectName {
  const subject = nameFrom(text, what);
  reading(what, () => requireUsableSubject(subject, String(text)));
  return subject;
}

/** What settings belong to: a subject, a context, all contexts; none at all means the default context. @throws `import-entry-invalid` */
export function scopeFrom(text: unknown, what: string): SubjectName {
  const scope = nameFrom(text ?? '', what);
  reading(what, () => requireUsableScope(scope, String(text)));
  return scope;
}

function nameFrom(text: unknown, what: string): SubjectName {
  if (typeof text !== 'string') throw entryInvalid(what, 'its subject is no text');
  const subject = parseSubject(text);
  const plain = text.replace(/^:\.:/, '');
  if (subjectText(subject) !== plain) throw entryInvalid(what, 'its subject would mean a generation of a topic here');
  return subject;
}

function demandSettings(what: string, json: unknown): void {
  demandLength('settingsLength', what, charactersOf(json), SETTINGS_LENGTH);
}

function demandLength(limit: string, what: string, measured: number, value: number): void {
  if (measured <= value) return;
  throw new AppError({
    kind: 'too-large',
    code: 'import-too-large',
    message: `its ${what} is longer than the limit '${limit}' of ${value} characters: ${measured}`,
    details: { limit, value, measured },
  });
}

/** Of all texts and names in it. */
function charactersOf(value: unknown): number {
  if (typeof value === 'string') return value.length;
  if (Array.isArray(value)) return value.reduce<number>((sum, one) => sum + charactersOf(one), 0);
  if (typeof value !== 'object' || value === null) return 0;
  return Object.entries(value).reduce((sum, [name, one]) => sum + name.length + charactersOf(one), 0);
}

function number(value: unknown, name: string): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= MAX_NUMBER) return value;
  throw new AppError({ kind: 'invalid', code: 'invalid-request', message: `its ${name} is none` });
}

/** What goes wrong in a reader, as an error of the entry. */
function reading<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!isAppError(error) || error.code === 'import-entry-invalid' || error.kind === 'internal') throw error;
    throw entryInvalid(what, error.message.replace(/\.$/, ''));
  }
}

function schemaType(given: string | null | undefined): SchemaType {
  const type = SCHEMA_TYPES.find((one) => one === (given ?? 'AVRO'));
  if (type === undefined)
    throw new AppError({ kind: 'invalid', code: 'invalid-request', message: 'its schema type is unknown' });
  return type;
}

function reference(sent: { name?: string | null; subject?: string | null; version?: number | null }): SchemaReference {
  if (typeof sent.name !== 'string' || typeof sent.subject !== 'string') {
    throw new AppError({ kind: 'invalid', code: 'invalid-request', message: 'a reference has no name or no subject' });
  }
  return { name: sent.name, subject: sent.subject, version: number(sent.version, 'reference') };
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}
