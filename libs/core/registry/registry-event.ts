import type { SchemaType } from '#libs/core/schema';
import type { Association, RegistrationPolicy, RegistryConfig, RegistryMode } from './model.js';
import type { SubjectName } from './subject-name.js';

/** What happened, in the words of the facts. `version-replaced`: an import put another schema under the number; the event names the one that was there. */
export const REGISTRY_EVENTS = [
  'version-registered',
  'version-replaced',
  'version-soft-deleted',
  'version-restored',
  'version-purged',
  'config-set',
  'mode-set',
  'registration-set',
  'association-set',
  'association-removed',
  'context-removed',
] as const;
export type RegistryEventType = (typeof REGISTRY_EVENTS)[number];

/** A place in the feed. Places are compared by revision, then by ordinal; what one change did stands together. */
export interface EventPosition {
  readonly revision: number;
  /** Place within the change. */
  readonly ordinal: number;
}

/** One change of the registry as the feed tells it. */
export interface RegistryEvent extends EventPosition {
  readonly type: RegistryEventType;
  /** Epoch ms, by the clock of the instance that wrote it. */
  readonly at: number;
  /** An empty name: the context as a whole. */
  readonly subject: SubjectName;
  /** Of events about a version: its number and schema. */
  readonly version: number | null;
  readonly schemaId: number | null;
  readonly guid: string | null;
  readonly schemaType: SchemaType | null;
  /** Of `…-set`: what holds from then on, null where it was taken away. Of `association-…`: what the subject has got from then on, or what it lost as it was. */
  readonly value: RegistryConfig | RegistryMode | RegistrationPolicy | Association | null;
}

/** Higher than any ordinal: a position after everything a revision did. */
export const AFTER_REVISION = 2_147_483_647;
