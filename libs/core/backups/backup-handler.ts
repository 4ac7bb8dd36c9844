import { bytesOf, type JsonObject } from '#libs/core/kernel';
import type { OperationHandler, OperationRun, PhaseResult, PlanDraft } from '#libs/core/operations';
import { nothingToBackUp } from './errors.js';
import type { BackupCut, Backups, BackupWork } from './backups.js';

export interface BackupTools {
  readonly backups: Backups;
  /** Takes a cut of everything this service holds. Undefined where it holds nothing itself. */
  readonly cut: (() => Promise<BackupCut>) | undefined;
  /** An id never used before, which sorts by time. */
  readonly newId: () => string;
  readonly failPoint?: (name: string) => void | Promise<void>;
}

/**
 * Takes a backup: a cut, then its files, at the pace of the operation. A backup that was cut short is begun anew with a new cut: files that did not change are not
 * copied again when the last backup has them.
 */
export class BackupHandler implements OperationHandler {
  readonly kind = 'backup';
  readonly phases: OperationHandler['phases'] = {
    PREPARING: (run) => this.#prepare(run),
    COPYING: (run) => this.#copy(run),
  };

  constructor(private readonly tools: BackupTools) {}

  /** @throws `nothing-to-back-up`. */
  async plan(request: JsonObject): Promise<PlanDraft> {
    if (this.tools.cut === undefined) throw nothingToBackUp();
    return {
      subject: 'backup:service',
      parameters: { id: this.tools.newId(), full: request['full'] === true },
      fingerprint: {},
      steps: [
        'fix log and metadata at one moment',
        'copy their files while work goes on',
        'flush, and give it its name',
      ],
      impact: {},
      risks: [],
      blockers: [],
      estimates: { etaSeconds: null, pauseMs: null, records: null, bytes: null },
    };
  }

  async fingerprint(): Promise<JsonObject> {
    return {};
  }

  async cancel(run: OperationRun): Promise<void> {
    const id = idOf(run.parameters);
    if ((await this.tools.backups.state(id)) === 'begun') await this.tools.backups.remove(id);
  }

  async finish(): Promise<void> {
    // Nothing is left to destroy.
  }

  async #prepare(run: OperationRun): Promise<PhaseResult> {
    await this.tools.backups.begin(idOf(run.parameters));
    await this.tools.failPoint?.('backup:begun');
    return { next: 'COPYING' };
  }

  async #copy(run: OperationRun): Promise<PhaseResult> {
    const { backups, cut: takeCut } = this.tools;
    const id = idOf(run.parameters);
    const state = await backups.state(id);
    if (state === 'complete') return { next: 'FINISHED' };
    // The operation came with the metadata that it copied: the service was restored from this backup, which is complete where it is.
    if (state === 'absent' || takeCut === undefined) return { next: 'FINISHED' };
    await backups.begin(id);
    const cut = await takeCut();
    try {
      await this.tools.failPoint?.('backup:cut');
      const work = progressOf(run, cut, this.tools.failPoint);
      await backups.write(id, cut, run.parameters['full'] === true, work);
    } finally {
      cut.release();
    }
    return { next: 'FINISHED' };
  }
}

function progressOf(run: OperationRun, { files }: BackupCut, failPoint: BackupTools['failPoint']): BackupWork {
  const total = files.reduce((sum, file) => sum + bytesOf(file), 0);
  let done = 0;
  return {
    signal: run.signal,
    pace: async (bytes) => {
      await run.pace(0, bytes);
      done += bytes;
      run.report({ recordsDone: done, recordsTotal: total, totalIsEstimate: false, bytesDone: done, partitions: [] });
    },
    failPoint: (name) => failPoint?.(name),
  };
}

/** The backup an operation is about. */
export function idOf(parameters: JsonObject): string {
  return String(parameters['id']);
}
