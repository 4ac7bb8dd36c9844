import {
  verdictFindings,
  type Finding,
  type SchemaEngine,
  type SchemaReference,
  type SchemaSource,
} from '#libs/core/schema';
import { checkCompatibility, comparedVersions } from './compatibility.js';
import { contentOf, type Candidate } from './content.js';
import { propertyOf, VERSION_PROPERTY, withProperty } from './data-contract.js';
import { subjectNotFound, tooManyVersions, versionDeleted, versionNotFound } from './errors.js';
import type { RegistryLimits } from './limits.js';
import {
  isLive,
  latestLive,
  nextVersion,
  type RegistryConfig,
  type SchemaRecord,
  type StoredSchema,
  type SubjectState,
  type VersionRow,
} from './model.js';

import type { ReferenceTarget } from './store.js';
import type { StoredVersions } from './subject-digests.js';
import { subjectText } from './subject-name.js';

/** Where a subject stands when it is to go back to an earlier version. */
export interface RollbackQuestion {
  readonly state: SubjectState;
  readonly config: RegistryConfig;
  readonly schema: StoredSchema;
  readonly source: SchemaSource;
  readonly references: readonly SchemaReference[];
  readonly targets: readonly ReferenceTarget[];
  readonly load: StoredVersions['load'];
  readonly limits: RegistryLimits;
}

/** What going back would do. */
export interface Rollback {
  /** The number the content gets; the latest version's own when that is it already. */
  readonly version: number;
  /** Null: the latest version has this content already, and nothing is to be done. */
  readonly content: SchemaRecord | null;
  readonly candidate: Candidate;
  readonly compatible: boolean;
  /** Why it is not compatible, in words and for people. */
  readonly messages: readonly string[];
  readonly findings: readonly Finding[];
  /** Broken rules about reserved fields. */
  readonly violations: readonly string[];
}

/** The live version to go back to. @throws `subject-not-found`, `version-not-found`, `version-deleted`. */
export function rollbackTarget(state: SubjectState, version: number): VersionRow {
  const name = subjectText(state.subject);
  if (state.versions.length === 0) throw subjectNotFound(name);
  const row = state.versions.find((one) => one.version === version);
  if (row === undefined) throw versionNotFound(name, version);
  if (row.deleted) throw versionDeleted(name, version);
  return row;
}

/**
 * Puts the content of an earlier version on top, under the next number, if the level allows it to follow what is there. One content has one id (contract 3.1), so the
 * version has the id it had; only where the metadata holds the version's number (contract 3.5) is the content another one, with an id of its own.
 */
export async function decideRollback(engine: SchemaEngine, question: RollbackQuestion): Promise<Rollback> {
  const { state, config, schema, source, references, targets, load, limits } = question;
  const latest = latestLive(state)!;
  const reading = await engine.read(source);
  const candidate: Candidate = { source, normalize: false, reading, references, targets, namedLatest: false };
  const untouched = { candidate, compatible: true, messages: [], findings: [], violations: [] };
  if (latest.schemaId === schema.id) return { ...untouched, version: latest.version, content: null };
  const { versionsPerSubject } = limits;
  if (state.versions.length >= versionsPerSubject) {
    throw tooManyVersions(subjectText(state.subject), versionsPerSubject, state.versions.length + 1);
  }
  const version = nextVersion(state);
  const live = state.versions.filter(isLive).reverse();
  const numbered = propertyOf(schema.metadata, VERSION_PROPERTY) !== undefined;
  const metadata = numbered ? withProperty(schema.metadata, VERSION_PROPERTY, String(version)) : schema.metadata;
  const answer = await checkCompatibility(engine, {
    candidate,
    metadata,
    earlier: () => comparedVersions(load(live)),
    count: live.length,
    maxCompared: limits.comparedVersions,
    config,
    history: true,
    proofs: true,
  });
  return {
    version,
    content: contentOf(candidate, metadata, schema.ruleSet),
    candidate,
    compatible: answer.compatible,
    messages: answer.messages,
    findings: verdictFindings(engine.formats, answer.verdict),
    violations: answer.violations,
  };
}
