import type { JsonObject } from '#libs/core/kernel';
import { TogetherHandler } from '../generations/together.js';
import { newOperation, type StoredOperation } from './operation-driver.js';
import { type ProcessOptions, RepartitionWorld } from './repartition-world.js';

/** A world in which several topics are repartitioned in one step. */
export class TogetherWorld {
  readonly one = new RepartitionWorld();

  process(options: ProcessOptions = {}): TogetherHandler {
    return new TogetherHandler(this.one.process(options));
  }

  async planned(request: JsonObject, id = 'op-1'): Promise<StoredOperation> {
    return newOperation(id, await this.process().plan(request));
  }

  /** Which generation each name stands for, as whoever reads them in one go sees it. */
  async generations(topics: readonly string[]): Promise<number[]> {
    const rows = await this.one.tableOfNames.list(this.one.engine.logId);
    return topics.map((topic) => rows.find((row) => row.logical === topic)?.generation ?? 1);
  }
}
