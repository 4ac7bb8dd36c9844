import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DataPlaneCalls } from '#libs/features/records/testing';
import { overHttp } from '#libs/platform/testing';
import { runService, type RunningService } from './testing/running-service.js';

interface Event {
  readonly id?: string;
  readonly event?: string;
  readonly data: { readonly value?: unknown; readonly code?: string };
}

describe('following a topic, over REST', () => {
  let running: RunningService;
  const client = new DataPlaneCalls(overHttp(() => running.url));
  let topics = 0;
  beforeAll(async () => {
    running = await runService();
  });
  afterAll(() => running.stop());

  const newTopic = async (): Promise<string> => {
    const topic = `followed${++topics}`;
    await client.topic(topic, 2);
    return topic;
  };

  /** The events of a stream; ending the loop leaves the stream. `opened` is called when the service has begun to answer. */
  async function* follow(topic: string, query: string, lastEventId?: string, opened?: () => void) {
    const leaving = new AbortController();
    const headers: Record<string, string> = lastEventId === undefined ? {} : { 'last-event-id': lastEventId };
    const url = `${running.url}/v1/topics/${topic}/stream?${query}`;
    const response = await fetch(url, { headers, signal: leaving.signal });
    expect(response.status).toBe(200);
    let text = '';
    try {
      for await (const chunk of response.body!.pipeThrough(new TextDecoderStream())) {
        opened?.();
        text += chunk;
        for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
          const lines = text.slice(0, end).split('\n');
          text = text.slice(end + 2);
          if (lines[0]!.startsWith(':')) continue;
          const member = (name: string) => lines.find((line) => line.startsWith(`${name}: `))?.slice(name.length + 2);
          yield { id: member('id'), event: member('event'), data: JSON.parse(member('data')!) as Event['data'] };
        }
      }
    } finally {
      leaving.abort();
    }
  }

  it('shows each record once, over any number of interruptions, also for one that looks for some', async () => {
    const topic = await newTopic();
    const values = Array.from({ length: 250 }, (_, n) => n);
    await client.produce(
      topic,
      values.map((value) => ({ value: { n: value, even: value % 2 === 0 } })),
    );
    const seen: unknown[] = [];
    let last: string | undefined;
    for (let over = false; !over;) {
      let taken = 0;
      for await (const { id, event, data } of follow(topic, 'from=start&until=end&filter=value.even=true', last)) {
        over = event === 'end';
        if (over) break;
        seen.push((data.value as { n: number }).n);
        last = id;
        if (++taken === 13) break;
      }
    }
    expect(seen.sort((a, b) => Number(a) - Number(b))).toEqual(values.filter((value) => value % 2 === 0));
  });

  it('begins at the end, and goes on with what is written', async () => {
    const topic = await newTopic();
    await client.produce(topic, [{ value: 'before' }]);
    const produced: Promise<unknown>[] = [];
    const opened = (): void => {
      if (produced.length === 0) produced.push(client.produce(topic, [{ value: 'after' }]));
    };
    for await (const { event, data } of follow(topic, '', undefined, opened)) {
      expect([event, data.value]).toEqual(['record', 'after']);
      break;
    }
    await Promise.all(produced);
  });

  it('is refused as a request while it can be, with the cursor to go on with', async () => {
    const topic = await newTopic();
    await client.produce(topic, [{ value: 1 }, { value: 2 }]);
    const path = `/v1/topics/${topic}/stream`;
    const { next } = await client.page(topic, 'from=start&limit=1');
    const forged = await client.get(path, undefined, { 'last-event-id': `${next.slice(0, -2)}xx` });
    expect([forged.status, forged.problem.code]).toEqual([400, 'invalid-cursor']);
    await client.produce(topic, [
      { value: 3, partition: 0 },
      { value: 4, partition: 1 },
    ]);
    const start = await client.page(topic, 'from=start&limit=1');
    await client.post(`/v1/topics/${topic}:delete-records`, { before: 'end' });
    const gone = await client.get(path, undefined, { 'last-event-id': start.next });
    expect([gone.status, gone.problem.code]).toEqual([410, 'cursor-trimmed']);
    expect((await client.get('/v1/topics/nowhere/stream')).problem.code).toBe('topic-not-found');
  });

  it('says why nothing more will come when the topic goes', async () => {
    const topic = await newTopic();
    const done: Promise<unknown>[] = [];
    const opened = (): void => {
      if (done.length === 0) done.push(client.delete(`/v1/topics/${topic}?permanent=true`));
    };
    for await (const { event, data } of follow(topic, '', undefined, opened)) {
      expect([event, data.code]).toEqual(['failed', 'topic-not-found']);
      break;
    }
    await Promise.all(done);
  });
});
