import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { LogEngine } from '#libs/core/log';
import { ContractContext, WallClock } from '#libs/core/log/testing';
import { openTestEngine, openTestLog } from './testing/index.js';

const LEASE_MS = 300;

/** Notes every sleep that is as long as a lease. */
class NotingClock extends WallClock {
  waits = 0;

  override sleep(ms: number, signal?: AbortSignal): Promise<void> {
    if (ms >= LEASE_MS && ms < LEASE_MS * 1.2) this.waits++;
    return super.sleep(ms, signal);
  }

  /** How many such sleeps some work takes. */
  async during(work: () => Promise<unknown>): Promise<number> {
    const before = this.waits;
    await work();
    return this.waits - before;
  }
}

describe('closing a topic on Apache Kafka', () => {
  const clock = new NotingClock();
  let context: ContractContext;
  let one: LogEngine;
  let other: LogEngine;

  beforeAll(async () => {
    context = new ContractContext(await openTestLog(), openTestLog);
    one = await openTestEngine({ clock, settings: { stateLeaseMs: LEASE_MS } });
    other = await openTestEngine({ settings: { stateLeaseMs: LEASE_MS } });
  });
  afterAll(async () => {
    await one?.close();
    await other?.close();
    await context?.dispose();
  });

  it('waits as long as another instance may take it for open, and not again for one that has been closed since', async () => {
    const topic = await context.topic(1);
    const fence = (): Promise<unknown> => one.setTopicState(topic, 'FENCED');
    expect(await clock.during(fence)).toBe(1);
    expect(await clock.during(fence)).toBe(0);
    expect(await clock.during(() => one.setTopicState(topic, 'RETIRED'))).toBe(0);
    await one.setTopicState(topic, 'ACTIVE');
    expect(await clock.during(fence)).toBe(1);
  });

  it('waits for a topic that another instance has opened, or closed, in between', async () => {
    const topic = await context.topic(1);
    await one.setTopicState(topic, 'FENCED');
    await other.setTopicState(topic, 'ACTIVE');
    expect(await clock.during(() => one.setTopicState(topic, 'RETIRED'))).toBe(1);
    await other.setTopicState(topic, 'ACTIVE');
    // Its lease may not be over.
    await other.setTopicState(topic, 'FENCED');
    expect(await clock.during(() => one.setTopicState(topic, 'RETIRED'))).toBe(1);
    // Made anew under its name, it is another topic.
    await one.deleteTopic(topic);
    await one.createTopic({ name: topic, partitions: 1 });
    expect(await clock.during(() => one.setTopicState(topic, 'FENCED'))).toBe(1);
  });
});
