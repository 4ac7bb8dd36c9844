import { stableJson, type JsonValue } from '#libs/core/kernel';
import type {
  CompatibilityLevel,
  CompatibilityPolicy,
  SchemaMetadata,
  SchemaReference,
  SchemaRuleSet,
  SchemaType,
} from '#libs/core/schema';
import { sameSubject, type SubjectName } from './subject-name.js';

/** A schema with its id, as stored: immutable for as long as it exists. */
export interface StoredSchema {
  readonly context: string;
  readonly id: number;
  readonly guid: string;
  readonly schemaType: SchemaType;
  /** Canonical text. */
  readonly text: string;
  readonly references: readonly SchemaReference[];
  readonly metadata: SchemaMetadata | null;
  readonly ruleSet: SchemaRuleSet | null;
}

/** One version of a subject. */
export interface VersionRow {
  readonly version: number;
  readonly schemaId: number;
  readonly guid: string;
  /** Softly deleted. */
  readonly deleted: boolean;
  /** Epoch ms. */
  readonly registeredAt: number;
}

export const REGISTRY_MODES = ['READWRITE', 'READONLY', 'READONLY_OVERRIDE', 'IMPORT', 'FORWARD'] as const;
export type RegistryMode = (typeof REGISTRY_MODES)[number];

/** Who may register schemas that are not known: everybody who may write, or registrars only. */
export const REGISTRATION_POLICIES = ['open', 'registrars-only'] as const;
export type RegistrationPolicy = (typeof REGISTRATION_POLICIES)[number];

/** Settings stored for a subject, a context or all contexts. A member that is absent is not set here. */
export interface RegistryConfig {
  readonly alias?: string;
  readonly aliasForDeks?: boolean;
  readonly normalize?: boolean;
  readonly validateFields?: boolean;
  readonly validateNewSchemas?: boolean;
  readonly validateRules?: boolean;
  readonly compatibility?: CompatibilityLevel;
  readonly compatibilityPolicy?: CompatibilityPolicy;
  readonly compatibilityGroup?: string;
  readonly defaultMetadata?: SchemaMetadata;
  readonly overrideMetadata?: SchemaMetadata;
  readonly defaultRuleSet?: SchemaRuleSet;
  readonly overrideRuleSet?: SchemaRuleSet;
}

/** Everything that is stored under a name. A name nobody used has revision 0 and nothing. */
export interface SubjectState {
  readonly subject: SubjectName;
  /** Revision of the change that touched it last; what a change decided on this state must name. */
  readonly revision: number;
  readonly config: RegistryConfig | null;
  readonly mode: RegistryMode | null;
  readonly registration: RegistrationPolicy | null;
  /** Ascending by version. */
  readonly versions: readonly VersionRow[];
}

/** What becomes of a subject with the resource it is associated with: STRONG, it belongs to that resource alone; WEAK, it may be shared. */
export const LIFECYCLES = ['STRONG', 'WEAK'] as const;
export type Lifecycle = (typeof LIFECYCLES)[number];

/** Which data of a resource a subject describes. */
export const ASSOCIATION_TYPES = ['key', 'value'] as const;
export type AssociationType = (typeof ASSOCIATION_TYPES)[number];

/** A resource, normally a topic, tied to the subject of its keys or of its values. */
export interface Association {
  readonly guid: string;
  readonly subject: SubjectName;
  readonly resourceName: string;
  readonly resourceNamespace: string;
  readonly resourceId: string;
  readonly resourceType: string;
  /** One association of each type for a resource. */
  readonly associationType: AssociationType;
  readonly lifecycle: Lifecycle;
  /** Never changed, and removed only together with the subject. */
  readonly frozen: boolean;
  /** Epoch ms. */
  readonly createdAt: number;
  readonly updatedAt: number;
}

/** Whether both tie one resource to one subject in one way, so that one can only be the other as it was before or after a change. */
export function isSameAssociation(a: Association, b: Association): boolean {
  return (
    a.resourceId === b.resourceId &&
    a.resourceType === b.resourceType &&
    a.associationType === b.associationType &&
    sameSubject(a.subject, b.subject)
  );
}

/** A place where a schema is used. */
export interface SchemaUsage {
  readonly subject: SubjectName;
  readonly version: number;
  readonly deleted: boolean;
  readonly registeredAt: number;
}

/** A schema and every version that carries its id, in the order in which they were registered. */
export interface SchemaEntry {
  readonly schema: StoredSchema;
  readonly usages: readonly SchemaUsage[];
}

/** The content of a schema before it has an id. */
export interface SchemaRecord {
  readonly guid: string;
  readonly schemaType: SchemaType;
  readonly text: string;
  readonly references: readonly SchemaReference[];
  readonly metadata: SchemaMetadata | null;
  readonly ruleSet: SchemaRuleSet | null;
}

/** Whether the version is not softly deleted. */
export function isLive(row: VersionRow): boolean {
  return !row.deleted;
}

/** The highest version that is not deleted. */
export function latestLive(state: SubjectState): VersionRow | undefined {
  return state.versions.findLast(isLive);
}

/** One more than the highest version stored, softly deleted ones included. */
export function nextVersion(state: SubjectState): number {
  return (state.versions.at(-1)?.version ?? 0) + 1;
}

/**
 * Whether two contents are equal member by member. Equal GUIDs alone do not prove it: the digest runs over the members without separators, so that
 * `{"ab":"c"}` and `{"a":"bc"}` as metadata share one.
 */
export function sameContent(a: SchemaRecord, b: SchemaRecord): boolean {
  return (
    a.guid === b.guid &&
    a.schemaType === b.schemaType &&
    a.text === b.text &&
    sameJson(a.references, b.references) &&
    sameJson(a.metadata, b.metadata) &&
    sameJson(a.ruleSet, b.ruleSet)
  );
}

function sameJson(a: unknown, b: unknown): boolean {
  return stableJson(a as JsonValue) === stableJson(b as JsonValue);
}
