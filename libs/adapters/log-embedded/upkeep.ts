import { type Clock, isAppError } from '#libs/core/kernel';
import type { Checkpointer } from './checkpointer.js';
import type { CommitPipeline } from './commit-pipeline.js';
import { logFailed } from './errors.js';
import type { Journal } from './journal.js';
import type { EmbeddedLogLogger, EmbeddedLogSettings } from './options.js';
import type { SegmentLife } from './segment-life.js';

export interface UpkeepParts {
  readonly clock: Clock;
  readonly settings: EmbeddedLogSettings;
  readonly logger: EmbeddedLogLogger;
  readonly journal: Journal;
  readonly pipeline: CommitPipeline;
  readonly checkpointer: Checkpointer;
  readonly life: SegmentLife;
  /** Aborted when the log closes: nothing is begun from then on. */
  readonly closing: AbortSignal;
}

/** What the log does by the clock and on request, without a client waiting for its records: checkpoints, and the look at old segments. */
export class Upkeep {
  constructor(private readonly parts: UpkeepParts) {}

  /** Begins to look at the clock; ends when the log closes or has failed. */
  start(): void {
    const { settings, journal } = this.parts;
    void this.pace(settings.checkpointIntervalMs, async () => {
      if (journal.position > 0) await this.checkpoint();
    });
    void this.pace(settings.retentionCheckMs, () =>
      this.parts.life.check().catch((error: unknown) => this.keptOld(error)),
    );
  }

  /** A checkpoint that begins now, or as soon as the one under way has ended. @throws `log-failed`. */
  async checkpoint(): Promise<void> {
    const { checkpointer, pipeline } = this.parts;
    try {
      for (let begun = false; !begun;) {
        await checkpointer.idle();
        begun = await pipeline.between(() => {
          if (checkpointer.running !== undefined) return false;
          checkpointer.begin(false).catch(() => undefined);
          return true;
        });
      }
      await checkpointer.running;
    } catch (error) {
      throw isAppError(error) ? error : logFailed(error);
    }
  }

  /** Does something by the clock, so that a quiet log has little to recover, and loses its old records too. What fails has reported itself. */
  private async pace(intervalMs: number, work: () => Promise<void>): Promise<void> {
    const { clock, closing } = this.parts;
    while (intervalMs > 0 && !closing.aborted) {
      await clock.sleep(intervalMs, closing).catch(() => undefined);
      if (closing.aborted || this.parts.pipeline.failure !== undefined) return;
      await work().catch(() => undefined);
    }
  }

  /** Retention could not act, on a full disk perhaps; the next look tries again. A log that is closed or has failed says so elsewhere. */
  private keptOld(error: unknown): void {
    const { closing, pipeline, logger } = this.parts;
    if (closing.aborted || pipeline.failure !== undefined) return;
    const code = isAppError(error) ? error.code : 'unknown';
    logger.warn('old records could not be looked at; it is tried again', { code });
  }
}
