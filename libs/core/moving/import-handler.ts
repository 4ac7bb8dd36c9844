import { AppError, isJsonObject, type Clock, type JsonObject, type JsonValue } from '#libs/core/kernel';
import type { TopicDirectories } from '#libs/core/log';
import {
  operationBlocked,
  type OperationHandler,
  type OperationRun,
  type PhaseResult,
  type PlanDraft,
} from '#libs/core/operations';
import type { Registry, RegistryStore } from '#libs/core/registry';
import type { SchemaEngine } from '#libs/core/schema';
import { AttachmentJudge } from './attachments.js';
import { BringIn, type BroughtIn } from './bring-in.js';
import { Collector, uploadNotFound } from './collect.js';
import { orderByReferences } from './dependency-order.js';
import { ATTACHMENT_KINDS, type MovedEntry } from './entry.js';
import { draftOf, invalidIn, isRefused, refusals } from './import-plan.js';
import { importParameters, parametersToJson, type ImportParameters } from './import-parameters.js';
import { ImportSurvey } from './import-survey.js';
import { ImportJudge } from './judge.js';
import { SelectedEntries, type Selected } from './selected-entries.js';
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
  /** Characters of schemas that one import reads of a registry or a topic; 4 GiB unless given. */
  readonly mostCharacters?: number;
  /** Named steps for crash tests, `import:…`. */
  readonly failPoint?: (name: string) => void | Promise<void>;
}

/** Versions brought in together: one flush, and little enough that others need not wait. */
const BATCH = 20;
/** Versions between two notes of how far it is; what comes after the last one is found to be there. */
const NOTE_EVERY = 200;
/** Longest that a plan reads a source, and longest that it compares. What it has not seen by then is looked at before anything is written. */
const PLAN_READ_MS = 15_000;
const PLAN_JUDGE_MS = 8_000;
const LISTED = 50;
const MOST_CHARACTERS = 4 * 1024 ** 3;
/** How long what no operation needs is kept. */
export const KEEP_STAGED_MS = 86_400_000;

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
    const { staging, registries, directories, clock, mostCharacters = MOST_CHARACTERS } = tools;
    this.#collector = new Collector(staging, registries, directories, clock, mostCharacters);
  }

  /** Instances that share a database may have logs of their own, all of one name, and know other registries. */
  accepts(json: JsonObject, { log }: JsonObject): boolean {
    const { registries, directories } = this.tools;
    const { origin } = this.#parameters(json);
    switch (origin.kind) {
      case 'registry':
        return registries.list().some(({ name }) => name === origin.registry);
      case 'topic':
        return directories.clusters.standsFor(origin.cluster, log);
      case 'upload':
        return true;
    }
  }

  /** @throws `invalid-import`, `source-registry-…`, `topic-not-found`, `import-upload-not-found`. */
  async plan(request: JsonObject): Promise<PlanDraft> {
    const { staging, clock, newId } = this.tools;
    const parameters = this.#parameters(request);
    const { origin } = parameters;
    await staging.prune(clock.now() - KEEP_STAGED_MS);
    const id = origin.kind === 'upload' ? origin.upload : `plan-${newId()}`;
    try {
      const read = await this.#readForPlan(id, parameters);
      const { signal } = new AbortController();
      if (read) await orderByReferences(staging, id, signal);
      const until = clock.monotonic() + PLAN_JUDGE_MS;
      const goOn = () => clock.monotonic() < until;
      const work = this.#work(id, parameters);
      const survey = await ImportSurvey.of(work.selected, { ...work, clock }, { signal, read, goOn });
      return draftOf(parameters, survey, await this.#facts(id), await this.fingerprint(parametersToJson(parameters)));
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

  /** What came in stays; what was read of the source is forgotten. An upload can be planned again. */
  async cancel(run: OperationRun): Promise<void> {
    const { staging } = this.tools;
    const id = this.#stagingOf(run);
    if (this.#parameters(run.parameters).origin.kind !== 'upload') await staging.drop(id);
    else if ((await staging.find(id)) !== undefined) await staging.release(id);
  }

  async finish(): Promise<void> {
    // Nothing is left to destroy.
  }

  /** @returns whether everything has been read. */
  async #readForPlan(id: string, parameters: ImportParameters): Promise<boolean> {
    const { clock } = this.tools;
    const over = new AbortController();
    const late = new DOMException('a plan looks no longer', 'TimeoutError');
    clock.sleep(PLAN_READ_MS, over.signal).then(
      () => over.abort(late),
      () => undefined,
    );
    try {
      await this.#collector.collect(id, parameters, {
        signal: over.signal,
        settle: false,
        step: async () => undefined,
      });
      return true;
    } catch (error) {
      if (error === late) return false;
      throw error;
    } finally {
      over.abort();
    }
  }

  async #prepare(run: OperationRun): Promise<PhaseResult> {
    const { staging, clock } = this.tools;
    const parameters = this.#parameters(run.parameters);
    const id = this.#stagingOf(run);
    await this.#hold(id, parameters);
    let read = 0;
    await this.#collector.collect(id, parameters, {
      signal: run.signal,
      settle: true,
      hold: run.operationId,
      step: async (entries) => {
        read += entries;
        await run.pace(entries, 0);
        run.report(progress(read, null));
        await this.#pass('import:read');
      },
    });
    await orderByReferences(staging, id, run.signal);
    const work = this.#work(id, parameters);
    const options = { signal: run.signal, read: true, goOn: () => true };
    const survey = await ImportSurvey.of(work.selected, { ...work, clock }, options);
    const source = await this.#facts(id);
    const invalid = invalidIn(source);
    await run.note({ report: { ...survey.report(), source } });
    const refused = refusals(parameters, survey, invalid);
    if (refused.length > 0) {
      throw operationBlocked(
        `${survey.conflictCount + invalid.count} entries cannot be brought in as they are; nothing has been. ${refused[0]!}`,
        'Remove what is in the way and resume, or cancel and plan the import with "conflicts": "skip" or into another context.',
      );
    }
    await staging.skip(id, survey.inConflict);
    await this.#pass('import:prepared');
    return { next: 'COPYING' };
  }

  async #copy(run: OperationRun): Promise<PhaseResult> {
    const parameters = this.#parameters(run.parameters);
    const id = this.#stagingOf(run);
    const { bringIn, selected } = this.#work(id, parameters);
    const settle = (brought: BroughtIn, entries: readonly Selected<MovedEntry>[]) =>
      this.#settle(id, parameters, brought, entries);
    const total = await selected.versionCount();
    for (const context of await selected.contexts()) await bringIn.context(context);
    await this.#pass('import:ids-taken');
    for await (const page of selected.others('retired')) {
      await settle(await bringIn.retired(page.map(({ entry }) => entry)), page);
    }
    let done = 0;
    for await (const { versions, place, staged } of selected.versions(placeIn(run.notes['place']), BATCH)) {
      run.signal.throwIfAborted();
      const entries = versions.map(({ entry }) => entry);
      await run.pace(
        entries.length,
        entries.reduce((sum, { content }) => sum + content.text.length, 0),
      );
      await settle(await bringIn.versions(entries), versions);
      await this.#pass('import:brought-in');
      done += staged;
      run.report(progress(done, total));
      if (done % NOTE_EVERY === 0) await run.note({ place: { ...place } });
    }
    for (const kind of ATTACHMENT_KINDS) {
      for await (const page of selected.others(kind)) {
        for (const one of page) await settle(await bringIn.attachment(one.entry), [one]);
      }
    }
    await this.#pass('import:settings');
    return { next: 'VERIFYING' };
  }

  async #verify(run: OperationRun): Promise<PhaseResult> {
    const { staging } = this.tools;
    const parameters = this.#parameters(run.parameters);
    const id = this.#stagingOf(run);
    // Cut short after what was staged had been forgotten.
    if ((await staging.find(id)) === undefined && hasPassed(run.notes['verification'])) return { next: 'FINISHED' };
    const verification = await this.#compared(run, id, parameters);
    const mismatches = verification['mismatches'] as unknown as readonly Mismatch[];
    await run.note({ verification });
    if (mismatches.length > 0) throw importDiffers(verification, mismatches);
    await staging.drop(id);
    await this.#pass('import:forgotten');
    return { next: 'FINISHED' };
  }

  /** Everything that was to be brought in, read back. */
  async #compared(run: OperationRun, id: string, parameters: ImportParameters): Promise<JsonObject> {
    const { judge, selected } = this.#work(id, parameters);
    const verifier = new ImportVerifier(this.tools.store, judge);
    const found: Mismatch[] = [];
    let mismatches = 0;
    let checked = 0;
    const take = (some: readonly Mismatch[], entries: number): void => {
      mismatches += some.length;
      checked += entries;
      found.push(...some.slice(0, LISTED - found.length));
    };
    for (const context of await selected.contexts()) take(await verifier.context(context), 1);
    for await (const page of selected.others('retired')) {
      for (const { entry } of page) take(await verifier.retired(entry), 1);
    }
    for await (const { versions } of selected.versions(undefined, BATCH)) {
      run.signal.throwIfAborted();
      const entries = versions.map(({ entry }) => entry);
      await run.pace(entries.length, 0);
      take(await verifier.versions(entries), entries.length);
    }
    for (const kind of ATTACHMENT_KINDS) {
      for await (const page of selected.others(kind)) {
        for (const { entry } of page) take(await verifier.attachment(entry), 1);
      }
    }
    const state = mismatches === 0 ? 'passed' : 'failed';
    const listed = found as unknown as JsonValue;
    return { level: 'full', state, checked, total: checked, mismatchCount: mismatches, mismatches: listed };
  }

  /** What a step left undone although nothing was in its way when the import began. */
  async #settle(
    id: string,
    parameters: ImportParameters,
    { conflicts }: BroughtIn,
    entries: readonly Selected<MovedEntry>[],
  ): Promise<void> {
    if (conflicts.length === 0) return;
    const refused = conflicts.find(({ conflict }) => isRefused(conflict, parameters));
    if (refused !== undefined) {
      throw operationBlocked(
        refused.conflict.message,
        'Remove what is in the way and resume, or cancel: what has come in stays.',
      );
    }
    await this.tools.staging.skip(
      id,
      conflicts.map(({ at }) => entries[at]!.origin),
    );
  }

  /** Keeps what is staged, or will be, from being pruned; nothing is left out of it yet. @throws `import-upload-not-found` */
  async #hold(id: string, { origin }: ImportParameters): Promise<void> {
    const { staging, clock } = this.tools;
    if ((await staging.find(id)) === undefined) {
      if (origin.kind === 'upload') throw uploadNotFound(origin.upload);
      await staging.begin(id, clock.now());
    } else await staging.release(id);
    await staging.hold(id);
  }

  async #facts(id: string): Promise<JsonObject> {
    return (await this.tools.staging.find(id))?.facts ?? {};
  }

  #work(id: string, parameters: ImportParameters) {
    const { staging, registry, store, engine, clock } = this.tools;
    const renaming = new Renaming(parameters);
    const staged = new StagedSchemas(staging, id, renaming, registry.view);
    const judge = new ImportJudge(store, engine, staged, parameters.unreadable);
    const attachments = new AttachmentJudge(store, staged);
    return {
      selected: new SelectedEntries(staging, id, renaming),
      judge,
      attachments,
      bringIn: new BringIn(store, judge, attachments, clock),
    };
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

function placeIn(noted: JsonValue | undefined): StagedPlace | undefined {
  return isJsonObject(noted) ? (noted as unknown as StagedPlace) : undefined;
}

function hasPassed(noted: JsonValue | undefined): boolean {
  return isJsonObject(noted) && noted['state'] === 'passed';
}

function progress(done: number, total: number | null) {
  return { recordsDone: done, recordsTotal: total, totalIsEstimate: false, bytesDone: 0, partitions: [] };
}

function importDiffers(verification: JsonObject, mismatches: readonly Mismatch[]): AppError {
  const { subject, version, differs } = mismatches[0]!;
  return new AppError({
    kind: 'conflict',
    code: 'import-differs',
    message: `${String(verification['mismatchCount'])} entries are not here as they are at their source; the first: ${differs} of '${subject}'${version === null ? '' : ` version ${version}`}.`,
    hint: 'Somebody may have changed them meanwhile. Resume to compare again.',
  });
}
