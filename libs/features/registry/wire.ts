import {
  CONFIG_MEMBERS,
  levelOf,
  subjectText,
  type Association,
  type RegisteredVersion,
  type RegistryConfig,
  type StoredSchema,
  type SubjectVersion,
  type VersionRow,
} from '#libs/core/registry';
import type { SchemaMetadata, SchemaRuleSet, TaggedPart } from '#libs/core/schema';

/** Answers in the reference's shapes (contract 2.1). Members that are null or empty are left out; orders are those of the reference. */
export type Wire = Readonly<Record<string, unknown>>;

/** How a schema is to be shown. */
export interface Shown {
  /** Text in the format asked for. */
  readonly text: string;
  readonly guid: string;
  readonly references: StoredSchema['references'];
  /** Parts with the tags asked for; undefined: none were. */
  readonly tags?: readonly TaggedPart[];
}

export function subjectVersion(subject: string, row: VersionRow, schema: StoredSchema, shown: Shown): Wire {
  return without({ subject, version: row.version, id: schema.id, ...content(schema, shown), ...stored(row) });
}

/** An entry of the list of all schemas. */
export function listedVersion(
  { subject, row, schema }: SubjectVersion,
  shown: Shown,
  more: { readonly aliases: readonly string[]; readonly associations: readonly Association[] },
): Wire {
  const associations = more.associations.map(associationWire);
  return without({
    ...subjectVersion(subjectText(subject), row, schema, shown),
    aliases: more.aliases,
    associations,
  });
}

/** A look-up that matched by identity shows no times: it is the content that was found, not the row. */
export function foundVersion(found: RegisteredVersion, shown: Shown): Wire {
  const { row, schema, by } = found;
  const times = by === 'equivalence' ? stored(row) : {};
  return without({
    subject: subjectText(found.subject),
    version: row.version,
    id: schema.id,
    ...content(schema, shown),
    ...times,
  });
}

export function registered(found: RegisteredVersion, shown: Shown): Wire {
  const { row, schema, by } = found;
  return without({
    id: schema.id,
    version: row.version,
    ...content(schema, shown),
    ...(by === 'equivalence' ? stored(row) : {}),
  });
}

/** A schema by id, or by GUID when no version is given. */
export function schemaString(
  schema: StoredSchema,
  shown: Shown,
  row: { readonly registeredAt: number; readonly deleted: boolean },
  more: { readonly subject?: string; readonly version?: number; readonly maxId?: number },
): Wire {
  return without({
    subject: more.subject,
    version: more.version,
    guid: shown.guid,
    schemaType: schema.schemaType,
    schema: shown.text,
    references: shown.references,
    metadata: metadataWire(schema.metadata),
    ruleSet: ruleSetWire(schema.ruleSet),
    schemaTags: schemaTags(shown),
    maxId: more.maxId,
    ...stored(row),
  });
}

/** Settings as GET and DELETE answer them. */
export function configWire(config: RegistryConfig): Wire {
  const members = { ...updatedConfigWire(config), compatibility: undefined };
  return without({ ...members, compatibilityLevel: levelOf(config) });
}

/** Settings as PUT answers them: an empty text is printed. */
export function updatedConfigWire(config: RegistryConfig): Wire {
  const result: Record<string, unknown> = {};
  for (const name of CONFIG_MEMBERS) {
    const value = config[name];
    if (value === undefined) continue;
    if (name === 'defaultMetadata' || name === 'overrideMetadata') result[name] = metadataWire(config[name] ?? null);
    else if (name === 'defaultRuleSet' || name === 'overrideRuleSet') result[name] = ruleSetWire(config[name] ?? null);
    else result[name] = value;
  }
  return result;
}

export function associationWire(one: Association): Wire {
  const { guid, resourceName, resourceNamespace, resourceId, resourceType } = one;
  const { subject, ...info } = associationInfo(one, undefined);
  return {
    subject,
    guid,
    resourceName,
    resourceNamespace,
    resourceId,
    resourceType,
    ...info,
    createTs: one.createdAt,
    updateTs: one.updatedAt,
  };
}

/** An association as it stands in the answer to a request about its resource. */
export function associationInfo(one: Association, schema: Wire | undefined): Wire {
  const { associationType, lifecycle, frozen } = one;
  return without({ subject: subjectText(one.subject), associationType, lifecycle, frozen, schema });
}

export function associationResult(
  resource: { readonly [Part in 'resourceName' | 'resourceNamespace' | 'resourceId' | 'resourceType']?: string | null },
  associations: readonly Wire[],
): Wire {
  const { resourceName, resourceNamespace, resourceId, resourceType } = resource;
  return without({ resourceName, resourceNamespace, resourceId, resourceType, associations });
}

function content(schema: StoredSchema, shown: Shown): Wire {
  return {
    guid: shown.guid,
    schemaType: schema.schemaType,
    references: shown.references,
    metadata: metadataWire(schema.metadata),
    ruleSet: ruleSetWire(schema.ruleSet),
    schema: shown.text,
    schemaTags: schemaTags(shown),
  };
}

function stored(row: { readonly registeredAt: number; readonly deleted: boolean }): Wire {
  return { ts: row.registeredAt, deleted: row.deleted };
}

function schemaTags({ tags }: Shown): readonly Wire[] | undefined {
  return tags?.map((part) => ({
    schemaEntity: { entityPath: part.path, entityType: part.kind === 'record' ? 'sr_record' : 'sr_field' },
    tags: part.tags,
  }));
}

function metadataWire(metadata: SchemaMetadata | null): Wire | undefined {
  return metadata === null ? undefined : without({ ...metadata });
}

function ruleSetWire(ruleSet: SchemaRuleSet | null): Wire | undefined {
  if (ruleSet === null) return undefined;
  const rules = (list: SchemaRuleSet['domainRules']) =>
    list?.map((rule) => without({ ...rule, disabled: rule.disabled === true }));
  return without({
    migrationRules: rules(ruleSet.migrationRules),
    domainRules: rules(ruleSet.domainRules),
    encodingRules: rules(ruleSet.encodingRules),
    enableAt: ruleSet.enableAt,
  });
}

/** Without members that are undefined, null or empty; an object that ends up empty stays. */
function without(object: Record<string, unknown>): Wire {
  const result: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(object)) {
    if (value === undefined || value === null || value === '') continue;
    if (Array.isArray(value) && value.length === 0) continue;
    if (isEmptyMap(name, value)) continue;
    result[name] = value;
  }
  return result;
}

/** Maps inside metadata and rules are left out when empty; metadata and rule sets themselves are not. */
function isEmptyMap(name: string, value: unknown): boolean {
  if (/metadata$|ruleSet$/i.test(name)) return false;
  return typeof value === 'object' && !Array.isArray(value) && Object.keys(value as object).length === 0;
}
