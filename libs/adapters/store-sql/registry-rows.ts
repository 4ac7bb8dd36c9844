import type { SchemaMetadata, SchemaReference, SchemaRuleSet, SchemaType } from '#libs/core/schema';
import type {
  AppliedPlan,
  RegistrationPolicy,
  RegistryConfig,
  RegistryEvent,
  RegistryEventType,
  RegistryMode,
  SchemaUsage,
  StoredSchema,
  SubjectName,
  SubjectState,
  TakenId,
  VersionRow,
} from '#libs/core/registry';

/** Rows as the database gives them; column aliases are part of the statements in registry-store.ts. */

export interface SubjectRow {
  readonly context: string;
  readonly name: string;
  readonly revision: number;
  readonly config: string | null;
  readonly mode: string | null;
  readonly registration: string | null;
}

export interface VersionRowData {
  readonly context: string;
  readonly subject: string;
  readonly version: number;
  readonly schema_id: number;
  readonly guid: string;
  readonly deleted: number;
  readonly registered_at: number;
}

export interface SchemaRow {
  readonly context: string;
  readonly id: number;
  readonly guid: string;
  /** Null where the context knows the content under another id. */
  readonly identity: string | null;
  readonly schema_type: string;
  readonly text: string;
  readonly schema_references: string | null;
  readonly metadata: string | null;
  readonly rule_set: string | null;
}

export interface EventRow {
  readonly revision: number;
  readonly ordinal: number;
  readonly at: number;
  readonly kind: string;
  readonly context: string;
  readonly subject: string;
  readonly version: number | null;
  readonly schema_id: number | null;
  readonly value: string | null;
  readonly guid: string | null;
  readonly schema_type: string | null;
}

export interface PlanRow {
  readonly hash: string;
  readonly principal: string;
  readonly idempotency_key: string | null;
  readonly revision: number;
  readonly ids: string;
  readonly outcome: string;
}

export interface TakenIdRow {
  readonly id: number;
  readonly guid: string;
  readonly schema_type: string;
  readonly purged: number;
}

export function takenId(row: TakenIdRow): TakenId {
  return { id: row.id, guid: row.guid, schemaType: row.schema_type as SchemaType, purged: row.purged !== 0 };
}

export function subjectState(
  subject: SubjectName,
  row: SubjectRow | undefined,
  versions: readonly Omit<VersionRowData, 'context' | 'subject'>[],
): SubjectState {
  return {
    subject,
    revision: row?.revision ?? 0,
    config: json<RegistryConfig>(row?.config ?? null),
    mode: (row?.mode ?? null) as RegistryMode | null,
    registration: (row?.registration ?? null) as RegistrationPolicy | null,
    versions: versions.map(versionRow),
  };
}

export function versionRow(row: Omit<VersionRowData, 'context' | 'subject'>): VersionRow {
  return {
    version: row.version,
    schemaId: row.schema_id,
    guid: row.guid,
    deleted: row.deleted !== 0,
    registeredAt: row.registered_at,
  };
}

export function usage(row: Omit<VersionRowData, 'guid'>): SchemaUsage {
  return {
    subject: { context: row.context, name: row.subject },
    version: row.version,
    deleted: row.deleted !== 0,
    registeredAt: row.registered_at,
  };
}

export function storedSchema(row: SchemaRow): StoredSchema {
  return {
    context: row.context,
    id: row.id,
    guid: row.guid,
    schemaType: row.schema_type as SchemaType,
    text: row.text,
    references: json<SchemaReference[]>(row.schema_references) ?? [],
    metadata: json<SchemaMetadata>(row.metadata),
    ruleSet: json<SchemaRuleSet>(row.rule_set),
  };
}

export function registryEvent(row: EventRow): RegistryEvent {
  return {
    revision: row.revision,
    ordinal: row.ordinal,
    at: row.at,
    type: row.kind as RegistryEventType,
    subject: { context: row.context, name: row.subject },
    version: row.version,
    schemaId: row.schema_id,
    guid: row.guid,
    schemaType: row.schema_type as SchemaType | null,
    value: json<NonNullable<RegistryEvent['value']>>(row.value),
  };
}

export function appliedPlan(row: PlanRow): AppliedPlan {
  return {
    hash: row.hash,
    principal: row.principal,
    key: row.idempotency_key,
    revision: row.revision,
    ids: JSON.parse(row.ids) as number[],
    outcome: JSON.parse(row.outcome) as AppliedPlan['outcome'],
  };
}

/** Absent and empty lists are null in the database. */
export function jsonOrNull(value: object | null): string | null {
  return value === null || (Array.isArray(value) && value.length === 0) ? null : JSON.stringify(value);
}

function json<T>(text: string | null): T | null {
  return text === null ? null : (JSON.parse(text) as T);
}
