import type { SchemaFormats, SchemaMetadata, SchemaRuleSet } from '#libs/core/schema';
import { checkCompatibility, type ComparedVersion } from './compatibility.js';
import { isEquivalent, type Candidate, type LoadedVersion } from './content.js';
import { mergedMetadata, mergedRuleSets, propertyOf, VERSION_PROPERTY, withProperty } from './data-contract.js';
import { schemaIncompatible, versionNotNext } from './errors.js';
import {
  nextVersion,
  sameContent,
  type RegistryConfig,
  type RegistryMode,
  type SchemaRecord,
  type SubjectState,
  type VersionRow,
} from './model.js';
import { isImporting } from './modes.js';
import type { IdChoice, RegistryFact } from './store.js';
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
 * @param rows versions that may match, ascending; `load` gives their schemas.
 */
export async function findMatch(
  candidate: Candidate,
  content: SchemaRecord,
  rows: readonly VersionRow[],
  load: (rows: readonly VersionRow[]) => Promise<readonly LoadedVersion[]>,
): Promise<Match | undefined> {
  const identical = (await load(rows.filter((row) => row.guid === content.guid))).findLast(({ schema }) =>
    sameContent(schema, content),
  );
  if (identical !== undefined) return { row: identical.row, by: 'identity' };
  const newestFirst = await load([...rows].reverse());
  const equal = newestFirst.find((stored) => isEquivalent(candidate, content.metadata, content.ruleSet, stored));
  return equal && { row: equal.row, by: 'equivalence' };
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
  /** Live versions, newest first. */
  readonly live: readonly LoadedVersion[];
  /** Version numbers of the subject that some schema refers to. */
  readonly referenced: ReadonlySet<number>;
}

export type RegistrationDecision =
  | { readonly kind: 'existing'; readonly match: Match }
  | { readonly kind: 'register'; readonly version: number; readonly facts: readonly RegistryFact[] };

/**
 * Steps 10 to 15 of registration (contract 3.2).
 * @throws `schema-incompatible`, `version-not-next`, `schema-too-complex`.
 */
export function decideRegistration(formats: SchemaFormats, question: RegistrationQuestion): RegistrationDecision {
  const { state, numbering, content, knownId, live, mode } = question;
  const match = numbering.version === 0 ? matchUnnumbered(question) : undefined;
  if (match !== undefined) return { kind: 'existing', match };

  const importing = isImporting(mode);
  if (!importing && !question.force) requireCompatible(formats, question);
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
      { type: 'version-registered', subject: state.subject, version, id, content, targets: question.candidate.targets },
      ...replaced.map((row): RegistryFact => ({
        type: 'version-purged',
        subject: state.subject,
        version: row.version,
      })),
    ],
  };

  function matchUnnumbered({ candidate }: RegistrationQuestion): Match | undefined {
    const wanted = (row: VersionRow) => numbering.id === undefined || numbering.id === row.schemaId;
    const identical = live.find(({ row, schema }) => wanted(row) && sameContent(schema, content));
    if (identical !== undefined) return { row: identical.row, by: 'identity' };
    const equal = live.find(
      (stored) => wanted(stored.row) && isEquivalent(candidate, content.metadata, content.ruleSet, stored),
    );
    return equal && { row: equal.row, by: 'equivalence' };
  }
}

function requireCompatible(formats: SchemaFormats, question: RegistrationQuestion): void {
  const answer = checkCompatibility(formats, {
    candidate: question.candidate.parsed,
    metadata: question.content.metadata,
    earlier: question.live.map(comparedVersion),
    config: question.config,
    history: true,
  });
  if (!answer.compatible) throw schemaIncompatible(subjectText(question.state.subject), answer.messages);
}

export function comparedVersion({ row, schema, parsed }: LoadedVersion): ComparedVersion {
  return { version: row.version, metadata: schema.metadata, schema: parsed };
}
