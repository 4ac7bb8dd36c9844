import { once } from 'node:events';
import { MessageChannel } from 'node:worker_threads';
import { describe, expect, it } from 'vitest';
import type { Thread } from '#libs/adapters/worker-threads';
import { ManualClock } from '#libs/core/kernel/testing';
import { LocalSchemaEngine, standardFormats, type SchemaSource } from '#libs/core/schema';
import { schemaEngineContract } from '#libs/core/schema/testing';
import { SchemaWorker } from './schema-worker.js';
import { WorkerSchemaEngine } from './worker-schema-engine.js';

/** The worker's side of the conversation in this thread: everything but the thread is real. */
function threadInside(): Thread & { said: unknown[] } {
  const { port1, port2 } = new MessageChannel();
  new SchemaWorker(port2, new LocalSchemaEngine(standardFormats()));
  const said: unknown[] = [];
  port1.on('message', (message) => said.push(message));
  return {
    said,
    postMessage: (message) => port1.postMessage(message),
    on: (event: string, listener: (value: never) => void) => {
      if (event === 'message') port1.on('message', listener as (value: unknown) => void);
    },
    terminate: () => port1.close(),
  };
}

function open() {
  const threads: (Thread & { said: unknown[] })[] = [];
  const engine = new WorkerSchemaEngine(standardFormats(), {
    clock: new ManualClock(),
    threads: 2,
    deadlineMs: 2_000,
    heapBytes: 128 * 1024 * 1024,
    queueBytes: 1_000_000,
    start: () => {
      const thread = threadInside();
      threads.push(thread);
      return thread;
    },
  });
  return { engine, threads, close: () => engine.close() };
}

schemaEngineContract(open);

describe('schemas in worker threads', () => {
  const text = (fields: number) =>
    JSON.stringify({
      type: 'record',
      name: 'R',
      fields: Array.from({ length: fields }, (_, i) => ({ name: `f${i}`, type: 'int', default: 0 })),
    });
  const source = (fields: number): SchemaSource => ({
    schemaType: 'AVRO',
    text: text(fields),
    references: [],
    referencesKey: '',
  });

  it('are sent once: a check that is repeated asks for names only', async () => {
    const { engine, threads, close } = open();
    async function* earlier() {
      for (let i = 0; i < 120; i++) yield { version: 120 - i, source: { ...source(i + 1), storedAs: `./${i}` } };
    }
    const judge = (fields: number) =>
      engine.judge({
        level: 'BACKWARD_TRANSITIVE',
        candidate: source(fields),
        normalize: false,
        policy: 'STRICT',
        proofs: false,
        earlier,
      });
    await judge(3);
    const asked = (kind: string) =>
      threads.flatMap(({ said }) => said).filter((one) => (one as { ask?: string }).ask === kind).length;
    const first = { versions: asked('versions'), texts: asked('texts') };
    expect(first.texts).toBeGreaterThan(0);
    await judge(4);
    expect(asked('texts')).toBe(first.texts);
    expect(asked('versions')).toBe(first.versions * 2);
    close();
  });

  it('are sent once for all their messages', async () => {
    const { engine, threads, close } = open();
    const codec = await engine.codec({ ...source(2), storedAs: './1' });
    const encoder = await codec.encoder();
    for (let f0 = 0; f0 < 5; f0++) {
      const payload = await encoder.encode({ f0 });
      expect(await codec.decode(payload, 0)).toEqual({ message: null, value: { f0, f1: 0 } });
    }
    const questions = threads.flatMap(({ said }) => said).filter((one) => (one as { ask?: string }).ask === 'source');
    expect(questions).toHaveLength(1);
    close();
  });

  it('fail as defects, with what happened kept for the log, when something unexpected is thrown there', async () => {
    const { port1, port2 } = new MessageChannel();
    new SchemaWorker(port2, { read: () => Promise.reject(new TypeError('boom')) } as unknown as LocalSchemaEngine);
    port1.postMessage({ kind: 'read', source: source(1), options: undefined });
    await once(port1, 'message');
    const [outcome] = (await once(port1, 'message')) as [{ failure: { code: string; defect: string } }];
    expect(outcome.failure).toMatchObject({ code: 'schema-worker-defect', kind: 'internal' });
    expect(outcome.failure.defect).toContain('boom');
    port1.close();
  });
});
