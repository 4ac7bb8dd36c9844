import { isJsonObject, type Clock, type JsonObject, type JsonValue } from '#libs/core/kernel';
import type { TopicDirectories } from '#libs/core/log';
import {
  operationBlocked,
  type OperationHandler,
  type OperationRun,
  type PhaseResult,
  type PlanDraft,
} from '#libs/core/operations';
import { AppError } from '#libs/core/kernel';
import type { Registry, RegistryStore } from '#libs/core/registry';
import type { SchemaEngine } from '#libs/core/schema';
import { BringIn, type BroughtIn, type MovedSetting } from './bring-in.js';
import { Collector } from './collect.js';
import { orderByReferences } from './dependency-order.js';
import {
  keyOf,
  type EntryKey,
  type MovedContext,
  type MovedEntry,
  type MovedKind,
  type MovedVersion,
  type RetiredId,
} from './entry.js';
import { importParameters, parametersToJson, type ImportParameters } from './import-parameters.js';
import { ImportJudge, type Conflict } from './judge.js';
import { Renaming } from './selection.js';
import type { SourceRegistries } from './source-registry.js';
import { StagedSchemas } from './staged-schemas.js';
import type { ImportStaging, StagedPlace } from './staging.js';
import { ImportVerifier, type Mismatch } from './verify.js';

export interface ImportTools {
  readonly staging: ImportStaging;
  readonly registries: SourceRegistries;
  readonly directories: TopicDirectories;
  readonly store: RegistryStore;
  readonly registry: Registry;
  readonly engine: SchemaEngine;
  readonly clock: Clock;
  readonly newId: () => string;
  /** Named steps for crash tests, `import:…`. */
  readonly failPoint?: (name: string) => void | Promise<void>;
}

/** Versions brought in together: one flush, and little enough that others need not wait. */
const BATCH = 20;
const PAGE = 100;
/** Versions between two notes of how far it is; what comes after the last one is found to be there. */
const NOTE_EVERY = 200;
/** Longest that a plan looks at a source. What it has not seen by then is looked at before anything is written. */
const PLAN_MS = 20_000;
const LISTED = 50;
const KEEP_UPLOADS_MS = 86_400_000;

const SETTINGS = ['config', 'registration', 'mode'] as const;

/**
 * Imports a registry: reads it whole into the staging area (PREPARING), sees what is in conflict and writes nothing then, brings everything in under its own ids and
 * numbers (COPYING), and reads all of it back (VERIFYING). Every phase can be cut short anywhere and run again.
 */
export class ImportHandler implements OperationHandler {
  readonly kind = 'registry-import';
  readonly phases: OperationHandler['phases'] = {
    PREPARING: (run) => this.#prepare(run),
    COPYING: (run) => this.#copy(run),
    VERIFYING: (run) => this.#verify(run),
  };
  readonly #collector: Collector;

  constructor(private readonly tools: ImportTools) {
    const { staging, registries, directories, clock } = tools;
    this.#collector = new Collector(staging, registries, directories, clock);
  }

  /** @throws `invalid-import`, `source-registry-…`, `topic-not-found`, `import-upload-not-found`. */
  async plan(request: JsonObject): Promise<PlanDraft> {
    const { staging, clock, newId } = this.tools;
    const parameters = this.#parameters(request);
    const { origin } = parameters;
    await staging.prune(clock.now() - KEEP_UPLOADS_MS);
    const until = clock.monotonic() + PLAN_MS;
    const isInTime = () => clock.monotonic() < until;
    const id = origin.kind === 'upload' ? origin.upload : `plan-${newId()}`;
    try {
      const signal = new AbortController().signal;
      const whole = await this.#collector.collect(id, parameters, { signal, step: async () => isInTime() });
      if (whole) await orderByReferences(staging, id, signal);
      const found = await this.#judgeAll(id, parameters, { signal, goOn: isInTime });
      const facts = (await staging.find(id))?.facts ?? {};
      return draftOf(
        parameters,
        found,
        facts,
        whole && found.whole,
        await this.fingerprint(parametersToJson(parameters)),
      );
    } finally {
      if (origin.kind !== 'upload') await staging.drop(id);
    }
  }

  async fingerprint(json: JsonObject): Promise<JsonObject> {
    const { origin } = this.#parameters(json);
    switch (origin.kind) {
      case 'registry':
        return { location: this.tools.registries.get(origin.registry).location };
      case 'topic':
        return { log: this.tools.directories.of(origin.cluster).engine.logId };
      case 'upload': {
        const staged = await this.tools.staging.find(origin.upload);
        return { sha256: staged?.facts['sha256'] ?? null };
      }
    }
  }

  /** What came in stays; what was read of the source is forgotten. */
  async cancel(run: OperationRun): Promise<void> {
    await this.tools.staging.drop(this.#stagingOf(run));
  }

  async finish(): Promise<void> {
    // Nothing is left to destroy.
  }

  async #prepare(run: OperationRun): Promise<PhaseResult> {
    const { staging } = this.tools;
    const parameters = this.#parameters(run.parameters);
    const id = this.#stagingOf(run);
    let read = 0;
    await this.#collector.collect(id, parameters, {
      signal: run.signal,
      step: async (entries) => {
        read += entries;
        await run.pace(entries, 0);
        run.report(progress(read, null));
        await this.#pass('import:read');
        return true;
      },
    });
    await staging.hold(id);
    await orderByReferences(staging, id, run.signal);
    const found = await this.#judgeAll(id, parameters, { signal: run.signal, goOn: () => true });
    const facts = (await staging.find(id))?.facts ?? {};
    const invalid = invalidIn(facts);
    const report = { ...reportOf(found), invalid };
    await run.note({ report: report as unknown as JsonObject });
    const refused = found.conflicts.filter((one) => isRefused(one, parameters));
    if (refused.length > 0 || (invalid.count > 0 && parameters.conflicts === 'refuse')) {
      throw operationBlocked(
        `${found.conflictCount + invalid.count} entries cannot be brought in as they are; nothing has been. ${refused[0]?.message ?? invalid.first[0] ?? ''}`,
        'Remove what is in the way and resume, or cancel and plan the import with "conflicts": "skip" or into another context.',
      );
    }
    await staging.skip(id, found.skipped);
    await this.#pass('import:prepared');
    return { next: 'COPYING' };
  }

  async #copy(run: OperationRun): Promise<PhaseResult> {
    const parameters = this.#parameters(run.parameters);
    const id = this.#stagingOf(run);
    const { bringIn, renaming } = this.#work(id, parameters);
    const total = await this.#total(id);
    for (const context of await this.#contexts(id, renaming)) await bringIn.context(context);
    await this.#pass('import:ids-taken');
    for await (const page of this.#pages(id, 'retired', renaming)) {
      this.#settle(await bringIn.retired(page as RetiredId[]), parameters);
    }
    let place = placeIn(run.notes['place']);
    let done = 0;
    for (;;) {
      run.signal.throwIfAborted();
      const page = await this.tools.staging.versions(id, place, BATCH);
      if (page.length === 0) break;
      const entries = page.flatMap(({ entry }) => renaming.entry(entry) ?? []);
      await run.pace(
        entries.length,
        entries.reduce((sum, { content }) => sum + content.text.length, 0),
      );
      this.#settle(await bringIn.versions(entries), parameters);
      await this.#pass('import:brought-in');
      place = page.at(-1)!.place;
      done += page.length;
      run.report(progress(done, total));
      if (done % NOTE_EVERY === 0) await run.note({ place: { ...place } });
    }
    for (const kind of SETTINGS) {
      for await (const page of this.#pages(id, kind, renaming)) {
        for (const entry of page) this.#settle(await bringIn.setting(entry as MovedSetting), parameters);
      }
    }
    await this.#pass('import:settings');
    return { next: 'VERIFYING' };
  }

  async #verify(run: OperationRun): Promise<PhaseResult> {
    const { staging, store } = this.tools;
    const parameters = this.#parameters(run.parameters);
    const id = this.#stagingOf(run);
    const { judge, renaming } = this.#work(id, parameters);
    const verifier = new ImportVerifier(store, judge);
    const mismatches: Mismatch[] = [];
    let checked = 0;
    for (const context of await this.#contexts(id, renaming)) mismatches.push(...(await verifier.context(context)));
    for await (const page of this.#pages(id, 'retired', renaming)) {
      for (const entry of page) mismatches.push(...(await verifier.retired(entry as RetiredId)));
    }
    for (let place: StagedPlace | undefined; ;) {
      run.signal.throwIfAborted();
      const page = await staging.versions(id, place, BATCH);
      if (page.length === 0) break;
      const entries = page.flatMap(({ entry }) => renaming.entry(entry) ?? []);
      await run.pace(entries.length, 0);
      mismatches.push(...(await verifier.versions(entries)));
      checked += entries.length;
      place = page.at(-1)!.place;
    }
    for (const kind of SETTINGS) {
      for await (const page of this.#pages(id, kind, renaming)) {
        for (const entry of page) mismatches.push(...(await verifier.setting(entry as MovedSetting)));
        checked += page.length;
      }
    }
    const verification: JsonObject = {
      level: 'full',
      state: mismatches.length === 0 ? 'passed' : 'failed',
      checked,
      total: checked,
      mismatches: mismatches.slice(0, LISTED) as unknown as JsonValue,
    };
    await run.note({ verification });
    if (mismatches.length > 0) throw importDiffers(mismatches);
    return { next: 'FINISHED', notes: { verification } };
  }

  async #judgeAll(
    id: string,
    parameters: ImportParameters,
    { signal, goOn }: { readonly signal: AbortSignal; readonly goOn: () => boolean },
  ): Promise<Found> {
    const { staging, store } = this.tools;
    const { judge, bringIn, renaming } = this.#work(id, parameters);
    const found = new Found();
    if ((await staging.find(id)) === undefined) return found;
    for (let place: StagedPlace | undefined; ;) {
      signal.throwIfAborted();
      const page = await staging.versions(id, place, BATCH);
      if (page.length === 0) break;
      const selected = page.flatMap(({ entry }) => {
        const renamed = renaming.entry(entry);
        return renamed === undefined ? [] : [{ entry, renamed }];
      });
      const judged = await judge.judge(selected.map((one) => one.renamed));
      judged.forEach(({ judgement, entry }, i) => {
        found.version(entry);
        if (judgement.kind === 'same') found.same++;
        else if (judgement.kind === 'conflict') found.conflict(judgement.conflict, keyOf(selected[i]!.entry));
        else {
          found.registered++;
          if (judgement.respelled) found.respelled++;
        }
      });
      place = page.at(-1)!.place;
      if (!goOn()) {
        found.whole = false;
        break;
      }
      await this.tools.clock.sleep(0);
    }
    for (const kind of SETTINGS) {
      for await (const page of this.#pages(id, kind, renaming)) {
        for (const entry of page as readonly MovedSetting[]) {
          const judged = bringIn.judgeSetting(entry, (await store.subjects([entry.scope])).states[0]!);
          found.setting(entry);
          if (judged !== 'same' && judged !== 'set') found.conflict(judged, this.#originKey(entry, renaming));
        }
      }
    }
    return found;
  }

  #originKey(entry: MovedSetting, renaming: Renaming): EntryKey {
    const scope = renaming.origin(entry.scope) ?? entry.scope;
    return { kind: entry.kind, context: scope.context, name: scope.name, number: 0 };
  }

  /** What a step left undone although nothing was in its way when the import began. */
  #settle({ conflicts }: BroughtIn, parameters: ImportParameters): void {
    const refused = conflicts.find((one) => isRefused(one, parameters));
    if (refused !== undefined) {
      throw operationBlocked(
        refused.message,
        'Remove what is in the way and resume, or cancel: what has come in stays.',
      );
    }
  }

  async #contexts(id: string, renaming: Renaming): Promise<readonly MovedContext[]> {
    const contexts = new Map<string, MovedContext>();
    for await (const page of this.#pages(id, 'context', renaming)) {
      for (const entry of page as readonly MovedContext[]) contexts.set(entry.context, entry);
    }
    for (const { kind, context, highestId } of await this.tools.staging.counts(id)) {
      const renamed =
        kind === 'version' ? renaming.entry({ kind: 'context', context, lastId: highestId, listed: true }) : undefined;
      if (renamed === undefined) continue;
      const lastId = Math.max(renamed.lastId, contexts.get(renamed.context)?.lastId ?? 0);
      contexts.set(renamed.context, { ...renamed, lastId });
    }
    return [...contexts.values()];
  }

  async #total(id: string): Promise<number> {
    const counts = await this.tools.staging.counts(id);
    return counts.filter((one) => one.kind === 'version').reduce((sum, one) => sum + one.entries, 0);
  }

  async *#pages(
    id: string,
    kind: Exclude<MovedKind, 'version'>,
    renaming: Renaming,
  ): AsyncGenerator<readonly MovedEntry[]> {
    for (let after: EntryKey | undefined; ;) {
      const page = await this.tools.staging.entries(id, kind, after, PAGE);
      yield page.flatMap((entry) => renaming.entry(entry) ?? []);
      if (page.length < PAGE) return;
      after = keyOf(page.at(-1)!);
    }
  }

  #work(id: string, parameters: ImportParameters) {
    const { staging, registry, store, engine, clock } = this.tools;
    const renaming = new Renaming(parameters);
    const staged = new StagedSchemas(staging, id, renaming, registry.view);
    const judge = new ImportJudge(store, engine, staged, parameters.unreadable);
    return { renaming, judge, bringIn: new BringIn(store, judge, clock) };
  }

  #parameters(json: JsonObject): ImportParameters {
    return importParameters(json, this.tools.directories.clusters.defaultName);
  }

  #stagingOf(run: OperationRun): string {
    const { origin } = this.#parameters(run.parameters);
    return origin.kind === 'upload' ? origin.upload : run.operationId;
  }

  async #pass(name: string): Promise<void> {
    await this.tools.failPoint?.(name);
  }
}

/** What looking through the staged registry has shown. */
class Found {
  registered = 0;
  same = 0;
  respelled = 0;
  whole = true;
  conflictCount = 0;
  readonly conflicts: Conflict[] = [];
  readonly skipped: EntryKey[] = [];
  readonly byCode: Record<string, number> = {};
  readonly contexts = new Map<
    string,
    { versions: number; deleted: number; lowestId: number; highestId: number; subjects: Set<string> }
  >();
  readonly settings: string[] = [];

  version({ subject, id, deleted }: MovedVersion): void {
    const known = this.contexts.get(subject.context) ?? {
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
    this.contexts.set(subject.context, known);
  }

  setting(entry: MovedSetting): void {
    if (this.settings.length < LISTED) {
      const value =
        entry.kind === 'mode'
          ? entry.mode
          : entry.kind === 'config'
            ? (entry.config.compatibility ?? 'settings')
            : entry.policy;
      this.settings.push(
        `${entry.kind} of '${entry.scope.context === '.' ? '' : `:${entry.scope.context}:`}${entry.scope.name}': ${value}`,
      );
    }
  }

  conflict(conflict: Conflict, key: EntryKey): void {
    this.conflictCount++;
    this.byCode[conflict.code] = (this.byCode[conflict.code] ?? 0) + 1;
    if (this.conflicts.length < LISTED) this.conflicts.push(conflict);
    this.skipped.push(key);
  }
}

function reportOf(found: Found): JsonObject {
  return {
    contexts: [...found.contexts].map(([context, { subjects, ...numbers }]) => ({
      context,
      subjects: subjects.size,
      ...numbers,
    })),
    new: found.registered,
    same: found.same,
    respelled: found.respelled,
    settings: found.settings,
    conflicts: { count: found.conflictCount, byCode: found.byCode, first: found.conflicts as unknown as JsonValue },
  };
}

function draftOf(
  parameters: ImportParameters,
  found: Found,
  facts: JsonObject,
  whole: boolean,
  fingerprint: JsonObject,
): PlanDraft {
  const invalid = invalidIn(facts);
  const refused = found.conflicts.filter((one) => isRefused(one, parameters));
  return {
    subject: 'registry:import',
    parameters: parametersToJson(parameters),
    fingerprint,
    steps: [
      'read the whole source and keep it here',
      'look for conflicts; with any, nothing is written',
      'take the ids up to the highest one, so that nobody else gets one of them',
      'bring in versions under their ids and numbers, after those they refer to, deleted ones as deleted',
      'bring in settings',
      'read everything back and compare it',
    ],
    impact: { ...reportOf(found), source: facts, complete: whole },
    risks: [
      ...(whole
        ? []
        : ['The source is larger than a plan looks at; the rest is looked at before anything is written.']),
      ...(found.respelled === 0
        ? []
        : [`${found.respelled} texts are spelled otherwise here, so that their GUIDs differ.`]),
      ...(found.settings.some((one) => /^mode .*READONLY/.test(one))
        ? ['Modes that are read-only come along; leave them out with "modes": false.']
        : []),
      ...(found.conflictCount > 0 && refused.length === 0 ? [`${found.conflictCount} entries are left out.`] : []),
    ],
    blockers: [
      ...refused.map((one) => one.message),
      ...(invalid.count > 0 && parameters.conflicts === 'refuse' ? invalid.first : []),
    ],
    estimates: { etaSeconds: null, pauseMs: null, records: found.registered + found.same, bytes: null },
  };
}

function isRefused({ code }: Conflict, { conflicts, unreadable }: ImportParameters): boolean {
  return code === 'unreadable' ? unreadable === 'refuse' : conflicts === 'refuse';
}

function invalidIn(facts: JsonObject): { readonly count: number; readonly first: readonly string[] } {
  const invalid = facts['invalid'];
  if (!isJsonObject(invalid)) return { count: 0, first: [] };
  return { count: Number(invalid['count']), first: (invalid['first'] as string[] | undefined) ?? [] };
}

function placeIn(noted: JsonValue | undefined): StagedPlace | undefined {
  return isJsonObject(noted) ? (noted as unknown as StagedPlace) : undefined;
}

function progress(done: number, total: number | null) {
  return { recordsDone: done, recordsTotal: total, totalIsEstimate: false, bytesDone: 0, partitions: [] };
}

function importDiffers(mismatches: readonly Mismatch[]): AppError {
  const { subject, version, differs } = mismatches[0]!;
  return new AppError({
    kind: 'conflict',
    code: 'import-differs',
    message: `${mismatches.length} entries are not here as they are at their source; the first: ${differs} of '${subject}'${version === null ? '' : ` version ${version}`}.`,
    hint: 'Somebody may have changed them meanwhile. Resume to compare again.',
  });
}
