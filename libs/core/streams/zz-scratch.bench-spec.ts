import { test } from 'vitest';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Clusters, encodeBatch, TopicDirectories, partitionerOf, type LogEngine, type LogRecord } from '#libs/core/log';
import { MemoryTopicNames, WallClock } from '#libs/core/log/testing';
import { openEmbeddedLog } from '#libs/adapters/log-embedded';
import { JsonRecordDecoder, RepartitionHandler } from '#libs/core/streams';
import { drive, newOperation, runOf } from '#libs/core/streams/testing';

class One extends Clusters { readonly defaultName='local'; constructor(private e: LogEngine){super();} get(){return this.e;} names(){return ['local'];} }

const N = Number(process.env.N ?? 1_000_000), S = Number(process.env.S ?? 6), T = Number(process.env.T ?? 24);
test('bench', async () => {
  const directory = mkdtempSync(join(process.env.BENCH_DIR ?? tmpdir(), 'weir-bench-'));
  const clock = new WallClock();
  const engine = await openEmbeddedLog({ directory, clock });
  await engine.createTopic({ name: 't', partitions: S });
  const partitionOf = partitionerOf();
  const per: LogRecord[][] = Array.from({ length: S }, () => []);
  let t0 = performance.now();
  const value = Buffer.alloc(80, 'x');
  for (let i = 0; i < N; i++) {
    const key = Buffer.from(`key-${i % 100_003}`);
    const p = partitionOf(key, S)!;
    per[p]!.push({ key, value, headers: [], timestamp: 1_700_000_000_000 + i });
    if (per[p]!.length === 1000) { await engine.append({ topic: 't', partition: p }, encodeBatch(per[p]!)); per[p] = []; }
  }
  for (let p = 0; p < S; p++) if (per[p]!.length) await engine.append({ topic: 't', partition: p }, encodeBatch(per[p]!));
  console.log('load', Math.round(N / (performance.now() - t0)), 'k/s');
  const names = new MemoryTopicNames();
  const handler = new RepartitionHandler({ directories: new TopicDirectories(new One(engine), names, clock), names, decoder: new JsonRecordDecoder(), clock });
  t0 = performance.now();
  const op = newOperation('bench', await handler.plan({ topic: 't', target: { partitions: T } }));
  console.log('plan ms', Math.round(performance.now() - t0), op.plan.estimates);
  const rss0 = process.memoryUsage().rss;
  t0 = performance.now();
  await drive(handler, op, { until: 'CATCHING_UP' });
  const t1 = performance.now();
  console.log('copy', Math.round(N / (t1 - t0)), 'k/s', Math.round(t1 - t0), 'ms');
  await drive(handler, op, { until: 'CUTTING_OVER' });
  const t2 = performance.now();
  console.log('verify', Math.round(N / (t2 - t1)), 'k/s', Math.round(t2 - t1), 'ms');
  await drive(handler, op, { until: 'SWITCHED' });
  const t3 = performance.now();
  console.log('cutover', Math.round(t3 - t2), 'ms; all', Math.round(N / (t3 - t0)), 'k/s; rss +', Math.round((process.memoryUsage().rss - rss0) / 1e6), 'MB', (op.notes['verification'] as any).state, (op.notes['verification'] as any).checked);
  await engine.close();
  rmSync(directory, { recursive: true, force: true });
}, 600_000);
