import { isAppError, type JsonObject } from '#libs/core/kernel';
import { subjectText, type SubjectName } from '#libs/core/registry';
import type { ConfluentSource } from './confluent-source.js';
import { keyOf, type EntryKey, type MovedEntry } from './entry.js';
import type { Renaming } from './selection.js';
import type { StagedAmount } from './staged-amount.js';
import type { ImportStaging, StagedNumber, StagedPlace, StagingChange } from './staging.js';

export interface ReadingOptions {
  readonly signal: AbortSignal;
  /** Whether to look over everything again for what changed meanwhile. */
  readonly settle: boolean;
  /** Called after each subject, with the number of entries it gave. */
  readonly step: (entries: number) => Promise<void>;
}

/** Subjects read at a time; requests are bounded by the source. */
const SUBJECTS_AT_ONCE = 8;
/** Times that a source is looked over for changes. One that never rests is taken as it is then. */
const LOOKS = 3;
const LISTED = 20;
const PAGE = 200;

/**
 * Reads a running registry into the staging area, subject by subject, several at a time. Subjects that were read whole by an earlier reading, which was cut short, are
 * not read again, unless something of them could not be used. A registry cannot be read as of one instant: what changed while it was read is found by looking at the
 * version numbers once more.
 */
export class RegistryReading {
  /** What could not be used, by subject or scope. */
  readonly #invalid = new Map<string, readonly string[]>();
  /** The version numbers with which each subject was read. */
  readonly #listings = new Map<string, string>();
  #changed = 0;

  constructor(
    private readonly staging: ImportStaging,
    private readonly id: string,
    private readonly source: ConfluentSource,
    private readonly wanted: Renaming,
    private readonly amount: StagedAmount,
    private readonly options: ReadingOptions,
  ) {}

  /** @returns what is to be known of the reading as a whole. @throws `source-registry-…`, `import-entry-invalid` for lists that are none, `import-too-large`. */
  async read(): Promise<JsonObject> {
    const contexts = await this.source.contexts();
    for (const scope of this.source.scopes(contexts)) await this.#scope(scope);
    await this.#inParallel(await this.#subjects(), async (subject) => {
      if (await this.staging.isRead(this.id, subject)) return;
      await this.options.step(await this.#subject(subject));
    });
    const settled = this.options.settle ? await this.#settle() : true;
    await this.#aliases();
    await this.#highestIds();
    const messages = [...this.#invalid.values()].flat();
    return {
      format: 'registry',
      changedMeanwhile: this.#changed,
      settled,
      invalid: { count: messages.length, first: messages.slice(0, LISTED) },
    };
  }

  async #subjects(): Promise<readonly SubjectName[]> {
    const { subjects, invalid } = await this.source.subjects();
    this.#invalid.set('', invalid);
    return subjects.filter((subject) => this.wanted.isSubjectSelected(subject));
  }

  /** @returns how many entries it gave. */
  async #subject(subject: SubjectName): Promise<number> {
    const listed = await this.source.versions(subject);
    const invalid: string[] = [];
    const found = new Set<string>();
    let count = 0;
    for await (const page of this.source.subject(subject, listed)) {
      for (const entry of page.entries) found.add(JSON.stringify(keyOf(entry)));
      count += page.entries.length;
      invalid.push(...page.invalid);
      await this.#put(page.entries);
    }
    // What an earlier reading of it found and is there no more.
    const stale = (await this.#staged(subject)).filter((key) => !found.has(JSON.stringify(key)));
    await this.#write([
      ...stale.map((key) => ({ type: 'remove' as const, key })),
      ...(invalid.length === 0 ? [{ type: 'subject-read' as const, subject }] : []),
    ]);
    this.#invalid.set(subjectText(subject), invalid);
    this.#listings.set(subjectText(subject), listingOf(listed));
    return count;
  }

  /** Reads again what has changed, until nothing has. @returns whether the source came to rest. */
  async #settle(): Promise<boolean> {
    for (let look = 1; look <= LOOKS; look++) {
      const before = this.#changed;
      const subjects = await this.#subjects();
      await this.#forgetAllBut(subjects);
      await this.#inParallel(subjects, async (subject) => {
        const listing = listingOf(await this.source.versions(subject));
        const known =
          this.#listings.get(subjectText(subject)) ?? listingOf(await this.staging.numbersOf(this.id, subject));
        if (listing === known) return;
        this.#changed++;
        await this.options.step(await this.#subject(subject));
      });
      if (this.#changed === before) return true;
    }
    return false;
  }

  /** Subjects that were read and are there no more. */
  async #forgetAllBut(subjects: readonly SubjectName[]): Promise<void> {
    const listed = new Set(subjects.map(subjectText));
    const gone = new Map<string, SubjectName>();
    for (let after: StagedPlace | undefined; ;) {
      const page = await this.staging.versions(this.id, after, PAGE);
      for (const { entry } of page) {
        const text = subjectText(entry.subject);
        if (!listed.has(text)) gone.set(text, entry.subject);
      }
      after = page.at(-1)?.place;
      if (after === undefined) break;
    }
    for (const [text, subject] of gone) {
      this.#changed++;
      this.#invalid.delete(text);
      await this.#write((await this.#staged(subject)).map((key) => ({ type: 'remove', key })));
    }
  }

  /** Keys under which something of the subject is staged, or could be. */
  async #staged(subject: SubjectName): Promise<readonly EntryKey[]> {
    const { context, name } = subject;
    const settings = (['config', 'mode'] as const).map((kind) => ({ kind, context, name, number: 0 }));
    const numbers = await this.staging.numbersOf(this.id, subject);
    return [
      ...numbers.map(({ version: number }) => ({ kind: 'version' as const, context, name, number })),
      ...settings,
    ];
  }

  /** Settings of names that hold no versions and stand for others. */
  async #aliases(): Promise<void> {
    for await (const alias of this.source.aliases()) {
      if (this.wanted.isSubjectSelected(alias)) await this.#scope(alias);
    }
  }

  async #scope(scope: SubjectName): Promise<void> {
    try {
      await this.#put(await this.source.settings(scope));
    } catch (error) {
      if (!isAppError(error, 'import-entry-invalid')) throw error;
      this.#invalid.set(subjectText(scope), [error.message]);
    }
  }

  /** Ids above those of the versions there are stood for schemas that are gone. */
  async #highestIds(): Promise<void> {
    for (const { kind, context, highestId } of await this.staging.counts(this.id)) {
      if (kind !== 'version') continue;
      const lastId = await this.source.highestId(context, highestId);
      await this.#put([{ kind: 'context', context, lastId, listed: true }]);
    }
  }

  async #put(entries: readonly MovedEntry[]): Promise<void> {
    this.amount.take(entries.reduce((sum, one) => sum + (one.kind === 'version' ? one.content.text.length : 0), 0));
    await this.#write(entries.map((entry) => ({ type: 'put', entry })));
  }

  async #write(changes: readonly StagingChange[]): Promise<void> {
    if (changes.length > 0) await this.staging.write(this.id, changes);
  }

  /** Rejects with the first error when everything that was begun has ended. */
  async #inParallel(subjects: readonly SubjectName[], work: (subject: SubjectName) => Promise<void>): Promise<void> {
    let next = 0;
    const failures: unknown[] = [];
    const worker = async (): Promise<void> => {
      while (next < subjects.length && failures.length === 0) {
        try {
          this.options.signal.throwIfAborted();
          await work(subjects[next++]!);
        } catch (error) {
          failures.push(error);
        }
      }
    };
    await Promise.all(Array.from({ length: SUBJECTS_AT_ONCE }, worker));
    if (failures.length > 0) throw failures[0];
  }
}

/** Versions as one text: equal as long as none came, went, or was deleted or restored. */
function listingOf(versions: readonly StagedNumber[]): string {
  return versions.map(({ version, deleted }) => (deleted ? -version : version)).join(' ');
}
