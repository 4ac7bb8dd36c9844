import type { JsonObject } from '#libs/core/kernel';
import type { SubjectName } from '#libs/core/registry';
import type { EntryKey, MovedEntry, MovedKind, MovedVersion } from './entry.js';

/** What is known of a staged registry as a whole. */
export interface Staged {
  readonly id: string;
  /** Epoch ms. */
  readonly createdAt: number;
  /** What it was read from, in the words of its reader: format, digest, counts of what was passed over. */
  readonly facts: JsonObject;
  /** Whether everything has been read. */
  readonly complete: boolean;
  /** Whether an operation needs it. */
  readonly held: boolean;
}

/** A change of what is staged, in the order of the place it comes from. */
export type StagingChange =
  /** Over an entry of the same key. */
  | { readonly type: 'put'; readonly entry: MovedEntry }
  | { readonly type: 'remove'; readonly key: EntryKey }
  /** Versions of the subject up to this one that are there become softly deleted. */
  | { readonly type: 'delete-up-to'; readonly subject: SubjectName; readonly version: number }
  /** Softly deleted versions go: of one subject, or (empty name) of its context; of all contexts when the scope is null. */
  | { readonly type: 'clear-deleted'; readonly scope: SubjectName | null }
  /** The subject has been read whole; see {@link ImportStaging.isRead}. */
  | { readonly type: 'subject-read'; readonly subject: SubjectName };

/** A staged version with what was found out about it. */
export interface StagedVersion {
  readonly entry: MovedVersion;
  /** Place within the staged registry: what a version refers to stands before it. */
  readonly place: StagedPlace;
}

export interface StagedPlace {
  /** How many versions stand below it, one referring to the next. */
  readonly rank: number;
  readonly context: string;
  readonly id: number;
  readonly name: string;
  readonly version: number;
}

/** What is known of a staged version without its content. */
export interface StagedNumber {
  readonly version: number;
  readonly deleted: boolean;
}

/** Entries of a page are together no longer than this in bytes of JSON, unless it holds one alone: what a page costs is bounded, however long entries are. */
export const STAGED_PAGE_BYTES = 1_048_576;

export interface StagedCount {
  readonly kind: MovedKind;
  readonly context: string;
  readonly entries: number;
  /** Of versions: subjects, softly deleted ones, and the highest id. */
  readonly subjects: number;
  readonly deleted: number;
  readonly highestId: number;
}

/**
 * Where a registry that is to be imported is kept until it is: read once from wherever it comes, then judged, brought in and compared from here. Everything written is
 * durable when the promise resolves, and seen by every instance, so that any of them can go on with an import.
 */
export abstract class ImportStaging {
  /** Makes an empty place that nobody holds, or empties the one of that id. */
  abstract begin(id: string, at: number): Promise<void>;
  abstract find(id: string): Promise<Staged | undefined>;
  /** All changes or none, one after another. */
  abstract write(id: string, changes: readonly StagingChange[]): Promise<void>;
  abstract isRead(id: string, subject: SubjectName): Promise<boolean>;
  /** Sets ranks of versions; those not named keep theirs, 0 at first. */
  abstract rank(id: string, ranks: readonly { readonly key: EntryKey; readonly rank: number }[]): Promise<void>;
  abstract complete(id: string, facts: JsonObject): Promise<void>;
  /** An operation needs it: {@link prune} passes it by. */
  abstract hold(id: string): Promise<void>;
  /** No operation needs it any more; nothing is left out of it. */
  abstract release(id: string): Promise<void>;
  /** Leaves these entries out of everything that follows, too, until it is released. Cut short, it is repeated. */
  abstract skip(id: string, keys: readonly EntryKey[]): Promise<void>;

  /**
   * Entries other than versions, in the order of kinds, contexts, names and numbers.
   * @param after the last one of the page before. @param limit most of them; fewer come where they are long ({@link STAGED_PAGE_BYTES}), none only where none follows.
   */
  abstract entries(
    id: string,
    kind: Exclude<MovedKind, 'version'>,
    after: EntryKey | undefined,
    limit: number,
  ): Promise<readonly MovedEntry[]>;
  /** Versions in the order of their places, those left out excepted; as many at a time as of {@link entries}. */
  abstract versions(id: string, after: StagedPlace | undefined, limit: number): Promise<readonly StagedVersion[]>;
  /** Versions of a subject above one, ascending, those left out excepted; as many at a time as of {@link entries}. @param after 0 for the first ones. */
  abstract versionsOf(id: string, subject: SubjectName, after: number, limit: number): Promise<readonly MovedVersion[]>;
  /** The numbers of all versions of a subject, ascending, those left out excepted. */
  abstract numbersOf(id: string, subject: SubjectName): Promise<readonly StagedNumber[]>;
  /** By kind and context, those left out excepted. */
  abstract counts(id: string): Promise<readonly StagedCount[]>;

  /** Everything that is staged or was begun, the oldest first. */
  abstract list(): Promise<readonly Staged[]>;
  /** Forgets everything about it. Harmless to repeat. */
  abstract drop(id: string): Promise<void>;
  /** Drops what was begun before and is not held. */
  abstract prune(createdBefore: number): Promise<void>;
}
