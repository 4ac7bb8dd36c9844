import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { encodeBatch } from '#libs/core/log';
import { DataPlaneCalls } from '#libs/features/records/testing';
import { overHttp } from '#libs/platform/testing';
import { runService, type RunningService } from './testing/running-service.js';

const LEVELS = ['none', 'buffered', 'durable'] as const;
type Level = (typeof LEVELS)[number];

/** The ways to write, each answering the level that was reached. */
const WAYS = ['json', 'lines', 'batches', 'atomic'] as const;

describe('a request that asks for a level', () => {
  let running: RunningService;
  const client = new DataPlaneCalls(overHttp(() => running.url));
  beforeAll(async () => {
    running = await runService();
    for (const level of LEVELS)
      await client.demand('POST', '/v1/topics', { name: level, config: { 'weir.durability': level } });
  });
  afterAll(() => running.stop());

  async function reached(topic: Level, way: (typeof WAYS)[number], query: string): Promise<string> {
    const path = `${running.url}/v1/topics/${topic}/records?${query}`;
    const send = async (type: string, body: string | Uint8Array<ArrayBuffer>, more = ''): Promise<string> => {
      const answer = await fetch(path + more, { method: 'POST', headers: { 'content-type': type }, body });
      const text = (await answer.text()).trim().split('\n').at(-1)!;
      if (answer.status !== 200) throw new Error(`${answer.status}: ${text}`);
      const told = JSON.parse(text) as { durability?: string; end?: { durability: string } };
      return String(told.end?.durability ?? told.durability);
    };
    const record = JSON.stringify({ value: 1 });
    switch (way) {
      case 'json':
        return await send('application/json', `{"records": [${record}]}`);
      case 'atomic':
        return await send('application/json', `{"records": [${record}]}`, '&atomic=true');
      case 'lines':
        return await send('application/x-ndjson', `${record}\n${record}\n`);
      case 'batches': {
        const batch = encodeBatch([{ key: null, value: Buffer.from('v'), headers: [], timestamp: 1_000 }]);
        return await send('application/octet-stream', Uint8Array.from(batch), '&partition=0');
      }
    }
  }

  it('gets the stronger one of that and of what the topic promises, told in the answer, however it is written', async () => {
    for (const way of WAYS) {
      for (const [promised, topic] of LEVELS.entries()) {
        for (const [wanted, level] of LEVELS.entries()) {
          // What is atomic is durable in any case.
          const stronger = way === 'atomic' ? 'durable' : LEVELS[Math.max(promised, wanted)]!;
          expect([way, topic, level, await reached(topic, way, `durability=${level}`)]).toEqual([
            way,
            topic,
            level,
            stronger,
          ]);
        }
      }
    }
  });

  it('control: without asking, a topic that promises nothing reaches nothing', async () => {
    expect(await reached('none', 'json', 'acks=all')).toBe('none');
    expect(await reached('buffered', 'lines', '')).toBe('buffered');
  });

  it('is refused for a level there is not', async () => {
    await expect(reached('none', 'json', 'durability=written')).rejects.toThrow('400');
  });
});
