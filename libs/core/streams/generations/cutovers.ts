import { isAppError, type JsonObject } from '#libs/core/kernel';
import type { OperationRun, PhaseResult } from '#libs/core/operations';
import { arrived, holdArrived } from './arrival.js';
import { factsOf, writtenBy } from './findings.js';
import { groupInTheWay } from './group-hand-over.js';
import { applyHeldSettings } from './preparation.js';
import { parkedRefusal, standingOf } from './redrive.js';
import { completeSwitch, hasMoved, moveNames, releaseWriters, type Switch, type SwitchFacts } from './switch-over.js';
import { SwitchRefused } from './switch-refused.js';
import { translateGroups } from './translation.js';
import { type GenerationWork, type Live, verificationToJson, type WorkTools } from './work.js';

/** How often a cutover that a restart cut short is made again without being asked for. */
const MAX_RETRIES = 3;

/** Copies that are open, by operation. */
export interface LiveCopies {
  of(operationId: string): Live | undefined;
  drop(run: OperationRun): Promise<void>;
}

/** The phase CUTTING_OVER: names move in a bounded pause or everything is undone, for one topic or for several in one step. */
export class Cutovers {
  /** Operations whose present cutover was begun by this process. */
  readonly #cutting = new Set<string>();

  constructor(
    private readonly tools: Pick<WorkTools, 'names' | 'clock'>,
    private readonly copies: LiveCopies,
  ) {}

  /** Answers what becomes of each, which is the same phase for all. */
  async cutOver(works: readonly GenerationWork[]): Promise<readonly PhaseResult[]> {
    const { names, clock } = this.tools;
    const parts = works.map((work) => ({ work, change: this.#changeOf(work, this.copies.of(work.operationId)) }));
    // All names move in one step: if one has, all have.
    const [{ work: first, change: firstChange }] = parts as [Part, ...Part[]];
    if (await hasMoved(first.engine, names, firstChange.topic, firstChange.to)) return await this.#complete(parts);
    if (first.run.cutoverCancelled) return await this.#undo(parts, undefined);
    const isNew = works.every(({ operationId: id }) => this.copies.of(id) !== undefined && !this.#cutting.has(id));
    if (!isNew) return await this.#undoAfterRestart(parts);
    for (const { work, change } of parts) {
      const refusal = change.refusal?.();
      if (refusal === undefined) continue;
      // Before any writer is held.
      const results = await this.#undo(parts, reasonOf(work, refusal, parts), undefined, { undoneForParked: true });
      return results.map((result, i) => {
        const live = this.copies.of(works[i]!.operationId);
        return live === undefined
          ? result
          : { ...result, notes: { ...standingOf(works[i]!, live.copy), ...result.notes } };
      });
    }
    for (const { change } of parts) {
      const refusal = await groupInTheWay(change, change.carried);
      // Nothing was held or moved: the copy stays open as it is.
      if (refusal !== undefined) return await this.#undo(parts, refusal.message);
    }
    for (const { operationId } of works) this.#cutting.add(operationId);
    const began = clock.monotonic();
    try {
      await moveNames(
        parts.map(({ work, change }) => {
          const live = this.copies.of(work.operationId)!;
          const keep = async (facts: SwitchFacts): Promise<void> => work.run.note(factsOf(work, live, facts));
          return { context: work.switchContext(keep), change };
        }),
      );
    } catch (error) {
      const isForParked = parts.some(({ change }) => change.refusal?.() !== undefined);
      // What was refused between two steps left the copy as it was; opened anew, it would have to be read back from its beginning once more.
      if (!(error instanceof SwitchRefused) || error.verification !== undefined)
        for (const { run } of works) await this.copies.drop(run);
      if (error instanceof SwitchRefused)
        return await this.#undo(parts, error.reason, error.verification, { undoneForParked: isForParked });
      // Writers are waiting, so what failed is undone at once instead of tried again. A worker that was replaced leaves that to the other one.
      if (!isAppError(error) || error.code === 'writer-fenced' || first.run.signal.aborted) throw error;
      return await this.#undo(parts, error.message);
    }
    const results = await this.#complete(parts);
    const pausedMs = Math.round(clock.monotonic() - began);
    return results.map((result) => ({ ...result, notes: { ...result.notes, cutover: { pausedMs } } }));
  }

  /** The switch of a topic to its new side. */
  #changeOf(work: GenerationWork, live: Live | undefined): Switch {
    const { topic, groups, carried, maxPauseMs } = work.parameters;
    return {
      topic,
      from: work.old,
      to: work.new,
      copy: live && { live: live.copy, verifier: live.verifier },
      expectedEnds: [],
      groups,
      carried,
      maxPauseMs,
      translate: async (ends, vectors) =>
        live === undefined
          ? []
          : await translateGroups(live.copy.map, live.copy.mapLanes, ends, vectors, work.run.signal),
      refusal: () => (live === undefined ? undefined : parkedRefusal(work, live.copy)),
    };
  }

  /** Completes a cutover whose names have moved. Nothing may keep it from that, so no signal is looked at. */
  async #complete(parts: readonly Part[]): Promise<readonly PhaseResult[]> {
    const results: PhaseResult[] = [];
    for (const { work, change } of parts) {
      this.#cutting.delete(work.operationId);
      if (work.crosses) {
        await arrived(work);
        await holdArrived(work);
      }
      await completeSwitch(work.switchContext(), change, work.parameters.reverseTail ? 'FENCED' : 'RETIRED');
      await applyHeldSettings(work.targetLog, work.parameters);
      await work.failPoint('switch:complete');
      results.push({ next: 'SWITCHED' });
    }
    return results;
  }

  async #undo(
    parts: readonly Part[],
    reason: string | undefined,
    found?: SwitchRefused['verification'],
    notes: JsonObject = {},
  ): Promise<readonly PhaseResult[]> {
    for (const { work, change } of parts) {
      // With the first revision raised nobody can move any of the names any more.
      if (!(await releaseWriters(work.switchContext(), change))) return await this.#complete(parts);
    }
    return parts.map(({ work, change }) => {
      this.#cutting.delete(work.operationId);
      const total = change.copy === undefined ? (found?.checked ?? 0) : writtenBy(change.copy.live);
      const verification = found && { verification: verificationToJson(found, work.parameters.verification, total) };
      return { next: 'READY', ...(reason === undefined ? {} : { reason }), notes: { ...notes, ...verification } };
    });
  }

  /** Nobody gave the cutover up, the process was gone: writers are released, and it is made again by itself. */
  async #undoAfterRestart(parts: readonly Part[]): Promise<readonly PhaseResult[]> {
    const kept = parts[0]!.work.run.notes['cutoverRetries'];
    const retries = typeof kept === 'number' ? kept : 0;
    const notes: JsonObject = retries < MAX_RETRIES ? { retryCutover: true, cutoverRetries: retries + 1 } : {};
    return await this.#undo(parts, 'the work was interrupted before the name had moved', undefined, notes);
  }
}

/** Why the names do not move, with the topic it is of where there are several. */
function reasonOf({ parameters }: GenerationWork, refusal: string, parts: readonly Part[]): string {
  return parts.length === 1 ? refusal : `${parameters.topic}: ${refusal}`;
}

interface Part {
  readonly work: GenerationWork;
  readonly change: Switch;
}
