import { afterAll, beforeAll, describe, it } from 'vitest';
import { administrationPromises } from './contract/administration-promises.js';
import { appendPromises } from './contract/append-promises.js';
import { ContractContext, type LogPromise, type OpenLog } from './contract/contract-context.js';
import { deletionPromises } from './contract/deletion-promises.js';
import { fetchPromises } from './contract/fetch-promises.js';
import { groupPromises } from './contract/group-promises.js';
import { handOverPromises } from './contract/hand-over-promises.js';
import { holdPromises } from './contract/hold-promises.js';
import { lifetimePromises } from './contract/lifetime-promises.js';
import { memberPromises } from './contract/member-promises.js';
import { producerPromises } from './contract/producer-promises.js';
import { settingPromises } from './contract/setting-promises.js';
import { statePromises } from './contract/state-promises.js';
import { topicPromises } from './contract/topic-promises.js';
import { writerPromises } from './contract/writer-promises.js';

/** The promises of the port by area, as data: a spec can run one against an engine made to break it. */
export const LOG_ENGINE_PROMISES: Readonly<Record<string, readonly LogPromise[]>> = {
  topics: topicPromises,
  'topic states': statePromises,
  appending: appendPromises,
  producers: producerPromises,
  'topic settings': settingPromises,
  fetching: fetchPromises,
  'deleting records': deletionPromises,
  'retention holds': holdPromises,
  groups: groupPromises,
  'group members': memberPromises,
  writers: writerPromises,
  'handing over': handOverPromises,
  administration: administrationPromises,
  lifetime: lifetimePromises,
};

/** The promise with this title. */
export function logEnginePromise(title: string): LogPromise {
  const promise = Object.values(LOG_ENGINE_PROMISES)
    .flat()
    .find((one) => one.title === title);
  if (promise === undefined) throw new Error(`the log port makes no promise '${title}'`);
  return promise;
}

/**
 * The contract suite of the LogEngine port: every adapter runs it against the real thing. One log is opened for all promises (and a few
 * more for promises about its end); names are unique, so that a log with other topics in it, as a shared broker is, will do.
 *
 * @param some of the promises of an area, where the same adapter runs all of them elsewhere
 */
export function logEngineContract(
  name: string,
  open: OpenLog,
  some: (area: string, promises: readonly LogPromise[]) => readonly LogPromise[] = (_area, all) => all,
): void {
  describe(`log engine contract: ${name}`, () => {
    let context: ContractContext;
    beforeAll(async () => {
      context = new ContractContext(await open(), open);
    }, 120_000);
    afterAll(async () => {
      await context?.dispose();
    }, 120_000);

    for (const [area, promises] of Object.entries(LOG_ENGINE_PROMISES)) {
      describe(area, () => {
        for (const promise of some(area, promises)) it(promise.title, () => promise.holds(context), 240_000);
      });
    }
  });
}
