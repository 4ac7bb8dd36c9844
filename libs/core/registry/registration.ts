import type { SchemaEngine, SchemaMetadata, SchemaRuleSet } from '#libs/core/schema';
import { checkCompatibility, comparedVersions, doubtfulVersions } from './compatibility.js';
import { isEquivalent, type Candidate } from './content.js';
import { mergedMetadata, mergedRuleSets, propertyOf, VERSION_PROPERTY, withProperty } from './data-contract.js';
import { schemaIncompatible, tooManyVersions, versionNotNext } from './errors.js';
import type { RegistryLimits } from './limits.js';
import {
  isLive,
  nextVersion,
  sameContent,
  type RegistryConfig,
  type RegistryMode,
  type SchemaRecord,
  type SubjectState,
  type VersionRow,
} from './model.js';
import { isImporting } from './modes.js';
import { termsOf } from './search-terms.js';
import type { IdChoice, RegistryFact } from './store.js';
import type { StoredVersions } from './subject-digests.js';
import { subjectText } from './subject-name.js';

/** What the caller asked for about numbers. */
export interface Numbering {
  /** 0: none asked for; -1: must become the latest; otherwise this very number. */
  readonly version: number;
  readonly id: number | undefined;
}

/** A version that answers the request without anything being written. */
export interface Match {
  readonly row: VersionRow;
  /** `identity`: the very content. `equivalence`: counts as the same (contract 3.3). */
  readonly by: 'identity' | 'equivalence';
}

/**
 * The match, if any, among stored versions, newest first.
 * @param rows versions that may match, ascending.
 */
export async function findMatch(
  engine: SchemaEngine,
  candidate: Candidate,
  content: SchemaRecord,
  rows: readonly VersionRow[],
  versions: StoredVersions,
): Promise<Match | undefined> {
  if (rows.length === 0) return undefined;
  const newestFirst = rows.toReversed();
  for await (const { row, schema } of versions.load(newestFirst.filter((one) => one.guid === content.guid))) {
    if (sameContent(schema, content)) return { row, by: 'identity' };
  }
  const { sketch } = candidate.reading;
  if (sketch === null) return undefined;
  const digests = await versions.digests(rows);
  for await (const stored of versions.load(newestFirst.filter((row) => digests.mayEqual(row.schemaId, sketch)))) {
    const read = () => engine.read(stored.source);
    if (await isEquivalent(candidate, content.metadata, content.ruleSet, stored, read)) {
      return { row: stored.row, by: 'equivalence' };
    }
  }
  return undefined;
}

/** Whether a version found on the fast path answers a registration (contract 3.2, step 3). */
export function answersRegistration(match: Match, numbering: Numbering): boolean {
  const sameId = numbering.id === undefined || numbering.id === match.row.schemaId;
  if (numbering.version <= 0) return sameId;
  return numbering.id === match.row.schemaId && numbering.version === match.row.version;
}

/** What the sender's data contract becomes: defaults, inheritance from the latest version, overrides, the version property (contract 3.2, step 7). */
export function completedContract(
  sent: { readonly metadata: SchemaMetadata | null; readonly ruleSet: SchemaRuleSet | null },
  latest: { readonly metadata: SchemaMetadata | null; readonly ruleSet: SchemaRuleSet | null } | undefined,
  config: RegistryConfig,
  version: { readonly asked: number; readonly next: number },
): { readonly metadata: SchemaMetadata | null; readonly ruleSet: SchemaRuleSet | null } {
  const inherited = {
    metadata: sent.metadata ?? latest?.metadata ?? null,
    ruleSet: sent.ruleSet ?? latest?.ruleSet ?? null,
  };
  const metadata = mergedMetadata(mergedMetadata(config.defaultMetadata, inherited.metadata), config.overrideMetadata);
  const ruleSet = mergedRuleSets(mergedRuleSets(config.defaultRuleSet, inherited.ruleSet), config.overrideRuleSet);
  const carriesVersion = version.asked !== 0 || propertyOf(metadata, VERSION_PROPERTY) !== undefined;
  const number = version.asked > 0 ? version.asked : version.next;
  return { metadata: carriesVersion ? withProperty(metadata, VERSION_PROPERTY, String(number)) : metadata, ruleSet };
}

export interface RegistrationQuestion {
  readonly state: SubjectState;
  readonly config: RegistryConfig;
  readonly mode: RegistryMode;
  readonly numbering: Numbering;
  /** Skip the compatibility check. */
  readonly force: boolean;
  readonly candidate: Candidate;
  /** Complete: with inherited and configured parts. */
  readonly content: SchemaRecord;
  /** The id under which the context knows this content. */
  readonly knownId: number | undefined;
  /** The context knows other content by this GUID. */
  readonly collides: boolean;
  readonly versions: StoredVersions;
  readonly limits: RegistryLimits;
  /** Version numbers of the subject that some schema refers to. */
  readonly referenced: ReadonlySet<number>;
}

export type RegistrationDecision =
  | { readonly kind: 'existing'; readonly match: Match }
  | { readonly kind: 'register'; readonly version: number; readonly facts: readonly RegistryFact[] };

/**
 * Steps 10 to 15 of registration (contract 3.2).
 * @throws `schema-incompatible`, `version-not-next`, `too-many-versions`, `too-many-versions-to-compare`, `schema-too-complex`.
 */
export async function decideRegistration(
  engine: SchemaEngine,
  question: RegistrationQuestion,
): Promise<RegistrationDecision> {
  const { state, numbering, candidate, content, knownId, mode } = question;
  const match = await matchUnnumbered(engine, question);
  if (match !== undefined) return { kind: 'existing', match };

  const { versionsPerSubject } = question.limits;
  if (state.versions.length >= versionsPerSubject) {
    throw tooManyVersions(subjectText(state.subject), versionsPerSubject, state.versions.length + 1);
  }
  const importing = isImporting(mode);
  if (!importing && !question.force) await requireCompatible(engine, question);
  const next = nextVersion(state);
  const version = numbering.version > 0 ? numbering.version : next;
  if (version !== next && !importing) throw versionNotNext(subjectText(state.subject), version, next);

  const id: IdChoice =
    numbering.id !== undefined
      ? { kind: 'given', id: numbering.id }
      : knownId !== undefined
        ? { kind: 'known', id: knownId }
        : { kind: 'new', collides: question.collides };
  const replaced = state.versions.filter(
    (row) =>
      row.deleted &&
      row.version !== version &&
      id.kind !== 'new' &&
      row.schemaId === id.id &&
      !question.referenced.has(row.version),
  );
  return {
    kind: 'register',
    version,
    facts: [
      {
        type: 'version-registered',
        subject: state.subject,
        version,
        id,
        content,
        targets: candidate.targets,
        terms: termsOf(content.schemaType, candidate.reading.outline, content.metadata),
      },
      ...replaced.map((row): RegistryFact => ({
        type: 'version-purged',
        subject: state.subject,
        version: row.version,
      })),
    ],
  };
}

/** The live version that a registration without a number amounts to (contract 3.2, steps 10 and 11). */
export async function matchUnnumbered(
  engine: SchemaEngine,
  question: Pick<RegistrationQuestion, 'state' | 'numbering' | 'candidate' | 'content' | 'versions'>,
): Promise<Match | undefined> {
  const { state, numbering, candidate, content, versions } = question;
  if (numbering.version !== 0) return undefined;
  const rows = state.versions.filter(
    (row) => isLive(row) && (numbering.id === undefined || numbering.id === row.schemaId),
  );
  return findMatch(engine, candidate, content, rows, versions);
}

async function requireCompatible(engine: SchemaEngine, question: RegistrationQuestion): Promise<void> {
  const { state, candidate, content, config, versions, limits } = question;
  const live = state.versions.filter(isLive).reverse();
  const doubtful = await doubtfulVersions(engine.formats, candidate, config, live, versions);
  const answer = await checkCompatibility(engine, {
    candidate,
    metadata: content.metadata,
    earlier: () => comparedVersions(versions.load(live)),
    doubtful: () => comparedVersions(versions.load(doubtful)),
    count: doubtful.length,
    maxCompared: limits.comparedVersions,
    config,
    history: true,
  });
  if (!answer.compatible) throw schemaIncompatible(subjectText(state.subject), answer.messages);
}
