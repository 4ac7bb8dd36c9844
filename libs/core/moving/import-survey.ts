import type { Clock, JsonObject, JsonValue } from '#libs/core/kernel';
import { subjectText } from '#libs/core/registry';
import { nameOf, type AttachmentJudge } from './attachments.js';
import {
  ATTACHMENT_KINDS,
  type Attachment,
  type EntryKey,
  type MovedAssociation,
  type MovedContext,
  type MovedVersion,
} from './entry.js';
import type { Conflict, ImportJudge } from './judge.js';
import type { SelectedEntries } from './selected-entries.js';

/** Versions judged together. */
const BATCH = 20;
/** Conflicts and settings that are listed; all are counted. */
const LISTED = 50;

/** What the versions of one context come to. */
interface ContextSummary {
  versions: number;
  deleted: number;
  lowestId: number;
  highestId: number;
  readonly subjects: Set<string>;
}

export interface SurveyTools {
  readonly judge: ImportJudge;
  readonly attachments: AttachmentJudge;
  readonly clock: Clock;
}

export interface SurveyOptions {
  readonly signal: AbortSignal;
  /** Whether the source has been read to its end. Before that nothing is said of versions that refer to others, which may not have been read. */
  readonly read: boolean;
  /** Asked after each step. */
  readonly goOn: () => boolean;
}

/** What bringing in what is staged would come to: new, the same, in conflict. Looks, and changes nothing. */
export class ImportSurvey {
  registered = 0;
  same = 0;
  respelled = 0;
  /** Whether everything there is was looked at. */
  whole = true;
  conflictCount = 0;
  /** The first of them, and the first of each code. */
  readonly conflicts: Conflict[] = [];
  /** What is staged and in conflict, all of it. */
  readonly inConflict: EntryKey[] = [];
  associations = 0;
  /** Modes under which nobody could register. */
  readOnlyModes = 0;
  /** The first settings, a line each. */
  readonly settings: string[] = [];
  readonly #byCode: Record<string, number> = {};
  readonly #contexts = new Map<string, ContextSummary>();

  private constructor(private readonly spaces: readonly MovedContext[]) {}

  static async of(
    selected: SelectedEntries,
    { judge, attachments, clock }: SurveyTools,
    { signal, read, goOn }: SurveyOptions,
  ): Promise<ImportSurvey> {
    const survey = new ImportSurvey(await selected.contexts());
    survey.whole = read;
    for await (const page of selected.versions(undefined, BATCH)) {
      signal.throwIfAborted();
      const versions = read
        ? page.versions
        : page.versions.filter(({ entry }) => entry.content.references.length === 0);
      const judged = await judge.judge(versions.map(({ entry }) => entry));
      judged.forEach(({ judgement, entry }, i) => {
        survey.#version(entry);
        if (judgement.kind === 'same') survey.same++;
        else if (judgement.kind === 'conflict') survey.#conflict(judgement.conflict, versions[i]!.origin);
        else {
          survey.registered++;
          if (judgement.respelled) survey.respelled++;
        }
      });
      if (!goOn()) {
        survey.whole = false;
        break;
      }
      await clock.sleep(0);
    }
    for (const kind of ATTACHMENT_KINDS) {
      // Whether the versions are there that associations need is known when everything has been read.
      if (kind === 'association' && !read) continue;
      for await (const page of selected.others(kind)) {
        for (const { entry, origin } of page) {
          const { judgement } = await attachments.judge(entry);
          survey.#attachment(entry);
          if (judgement.kind === 'conflict') survey.#conflict(judgement.conflict, origin);
        }
      }
    }
    return survey;
  }

  /** As plans and operations show it. */
  report(): JsonObject {
    return {
      contexts: [...this.#contexts].map(([context, { subjects, ...numbers }]) => ({
        context,
        subjects: subjects.size,
        ...numbers,
      })),
      idsTaken: this.spaces.map(({ context, lastId }) => ({ context, upTo: lastId })),
      new: this.registered,
      same: this.same,
      respelled: this.respelled,
      associations: this.associations,
      settings: this.settings,
      conflicts: { count: this.conflictCount, byCode: this.#byCode, first: this.conflicts as unknown as JsonValue },
    };
  }

  #version({ subject, id, deleted }: MovedVersion): void {
    const known = this.#contexts.get(subject.context) ?? {
      versions: 0,
      deleted: 0,
      lowestId: id,
      highestId: id,
      subjects: new Set(),
    };
    known.versions++;
    if (deleted) known.deleted++;
    known.lowestId = Math.min(known.lowestId, id);
    known.highestId = Math.max(known.highestId, id);
    known.subjects.add(subject.name);
    this.#contexts.set(subject.context, known);
  }

  #attachment(entry: Attachment): void {
    if (entry.kind === 'association') {
      this.associations++;
      return;
    }
    if (entry.kind === 'mode' && entry.mode.startsWith('READONLY')) this.readOnlyModes++;
    if (this.settings.length < LISTED)
      this.settings.push(`${entry.kind} of '${subjectText(nameOf(entry))}': ${valueOf(entry)}`);
  }

  #conflict(conflict: Conflict, origin: EntryKey): void {
    this.conflictCount++;
    const before = this.#byCode[conflict.code] ?? 0;
    this.#byCode[conflict.code] = before + 1;
    if (before === 0 || this.conflicts.length < LISTED) this.conflicts.push(conflict);
    this.inConflict.push(origin);
  }
}

function valueOf(entry: Exclude<Attachment, MovedAssociation>): string {
  switch (entry.kind) {
    case 'mode':
      return entry.mode;
    case 'registration':
      return entry.policy;
    case 'config':
      return entry.config.compatibility ?? 'settings';
  }
}
