import { afterEach, describe, expect, it } from 'vitest';
import { startTestApp, type TestApp } from '#libs/platform/testing';
import { Health } from './health.js';
import { createLogger, factsLogger, nestLogger } from './logger.js';
import { Metrics } from './metrics.js';
import { ObservabilityModule } from './observability.module.js';
import { pretty } from './pretty-stream.js';
import { installProcessMetrics } from './process-metrics.js';
import { SystemClock } from './system-clock.js';

describe('readiness', () => {
  it('holds when every check does and the service is neither starting nor stopping', async () => {
    const health = new Health();
    health.add({ name: 'disk', check: () => ({ ok: true }) });
    expect((await health.readiness()).ready).toBe(false);
    health.started();
    expect(await health.readiness()).toEqual({
      ready: true,
      checks: { service: { status: 'ok', detail: 'started' }, disk: { status: 'ok' } },
    });
    health.stopping();
    expect((await health.readiness()).ready).toBe(false);
  });

  it('holds although a part is degraded, and says so', async () => {
    const health = new Health();
    health.started();
    health.add({ name: 'cluster', check: () => ({ ok: true, degraded: true, detail: 'away' }) });
    expect(await health.readiness()).toMatchObject({
      ready: true,
      checks: { cluster: { status: 'degraded', detail: 'away' } },
    });
    health.add({ name: 'disk', check: () => ({ ok: false, degraded: true }) });
    expect(await health.readiness()).toMatchObject({ ready: false, checks: { disk: { status: 'failing' } } });
  });

  it('names what fails, with a code and never with a message', async () => {
    const health = new Health();
    health.started();
    health.add({
      name: 'store',
      check: () => Promise.reject(Object.assign(new Error('secret at host'), { code: 'store-unavailable' })),
    });
    health.add({ name: 'odd', check: () => Promise.reject(new Error('secret')) });
    const { ready, checks } = await health.readiness();
    expect(ready).toBe(false);
    expect(checks).toMatchObject({
      store: { status: 'failing', detail: 'store-unavailable' },
      odd: { detail: 'failed' },
    });
  });

  it('does not wait for a check that hangs', async () => {
    const health = new Health();
    health.started();
    health.add({ name: 'hangs', check: () => new Promise(() => undefined) });
    expect((await health.readiness()).checks['hangs']).toMatchObject({
      status: 'failing',
      detail: 'no answer within 2000 ms',
    });
  });
});

describe('metrics', () => {
  it('carry the prefix, count, time, and ask gauges when they are read', async () => {
    const metrics = new Metrics();
    metrics.counter('things_total', 'Things.', ['kind']).of({ kind: 'a' }).add(2);
    metrics.histogram('wait_seconds', 'Waits.').observe(0.002);
    let value = 1;
    metrics.gauge('level', 'Level.', [], () => [{ value: value++ }]);
    metrics.gauge('broken', 'Broken.', [], () => Promise.reject(new Error('x')));
    await metrics.render();
    const text = await metrics.render();
    expect(text).toContain('weir_things_total{kind="a"} 2');
    expect(text).toContain('weir_wait_seconds_bucket{le="0.0025"} 1');
    expect(text).toContain('weir_level 2');
    expect(text).not.toMatch(/^weir_broken /m);
  });

  it('are the same whether counts are held or asked for anew, and are not counted twice when read twice', async () => {
    const metrics = new Metrics();
    const counts = metrics.counter('asked_total', 'Asked.', ['kind']);
    const held = counts.of({ kind: 'a' });
    held.add(1);
    counts.of({ kind: 'a' }).add(1);
    await metrics.render();
    held.add(1);
    expect(await metrics.render()).toContain('weir_asked_total{kind="a"} 3');
    const timings = metrics.histogram('took_seconds', 'Took.', ['kind'], [1, 2]);
    for (const seconds of [0.5, 1, 1.5, 9]) timings.of({ kind: 'a' }).observe(seconds);
    const text = await metrics.render();
    expect(text).toContain('# TYPE weir_took_seconds histogram');
    expect(text.match(/^weir_took_seconds.*$/gm)).toEqual([
      'weir_took_seconds_bucket{le="1",kind="a"} 2',
      'weir_took_seconds_bucket{le="2",kind="a"} 3',
      'weir_took_seconds_bucket{le="+Inf",kind="a"} 4',
      'weir_took_seconds_sum{kind="a"} 12',
      'weir_took_seconds_count{kind="a"} 4',
    ]);
  });

  it('keep label values from forging lines', async () => {
    const metrics = new Metrics();
    metrics.counter('a_total', 'A.', ['name']).of({ name: 'x"} 9\nweir_b_total 1' }).add(1);
    expect(await metrics.render()).not.toMatch(/^weir_b_total/m);
  });

  it('tell the version, memory and delay of the process', async () => {
    const metrics = new Metrics();
    const stop = installProcessMetrics(metrics, '1.2.3');
    const text = await metrics.render();
    stop();
    expect(text).toContain('weir_build_info{version="1.2.3"');
    expect(text).toMatch(/weir_event_loop_delay_seconds\{quantile="0.99"\} [0-9.e-]+/);
  });
});

describe('probes over HTTP', () => {
  let app: TestApp | undefined;
  afterEach(() => app?.close());

  it('answer 503 until the service has started', async () => {
    const health = new Health();
    app = await startTestApp({ modules: [ObservabilityModule.with(health, new Metrics())] });
    health.progress({ recovering: 'local' });
    await app.agent.get('/healthz').expect(200, { status: 'ok' });
    await app.agent.get('/startupz').expect(503, { started: false, progress: { recovering: 'local' } });
    await app.agent.get('/readyz').expect(503);
    health.started();
    await app.agent.get('/startupz').expect(200);
    await app.agent.get('/readyz').expect(200);
    const metrics = await app.agent.get('/metrics').expect(200);
    expect(metrics.headers['content-type']).toContain('text/plain');
  });
});

describe('the log', () => {
  const lines: string[] = [];
  const logger = createLogger({ level: 'debug', format: 'json' }, { write: (line) => void lines.push(line) });
  const last = (): Record<string, unknown> => JSON.parse(lines.at(-1)!) as Record<string, unknown>;

  it('is lines of JSON with the level as a word and the time in ISO 8601', () => {
    factsLogger(logger, 'part').warn('something happened', { count: 1 });
    expect(last()).toMatchObject({ level: 'warn', component: 'part', count: 1, msg: 'something happened' });
    expect(last()['time']).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/);
    expect(lines.at(-1)).not.toContain('"pid"');
  });

  it('never holds what a secret is called by', () => {
    logger.info(
      { password: 'hunter2', sasl: { password: 'hunter2' }, a: { b: { authorization: 'Bearer hunter2' } } },
      'x',
    );
    expect(lines.at(-1)).not.toContain('hunter2');
  });

  it('keeps a fact from forging a line', () => {
    logger.info({ name: 'a"}\n{"level":"fatal"' }, 'x');
    expect(lines.at(-1)!.trimEnd()).not.toContain('\n');
    expect(pretty(lines.at(-1)!)).toBe(`${String(last()['time']).slice(11, 19)} x name=a"} {"level":"fatal"`);
  });

  it('is readable for people, errors with their stack', () => {
    logger.error({ err: new Error('broke'), component: 'x' }, 'it failed');
    expect(pretty(lines.at(-1)!)).toMatch(/^\d\d:\d\d:\d\d error: it failed\nError: broke\n/);
    expect(pretty('no JSON\n')).toBe('no JSON');
  });

  it('takes in what the framework says', () => {
    const nest = nestLogger(logger);
    nest.log('mapped', 'Router');
    expect(last()).toMatchObject({ level: 'debug', component: 'Router', msg: 'mapped' });
    nest.error(new Error('x'), 'ctx');
    expect(last()).toMatchObject({ level: 'error', component: 'ctx', err: { message: 'x' } });
  });
});

describe('the clock of the machine', () => {
  it('wakes with the reason of its signal', async () => {
    const clock = new SystemClock();
    const stop = new AbortController();
    const reason = new Error('stop');
    const slept = clock.sleep(60_000, stop.signal);
    stop.abort(reason);
    await expect(slept).rejects.toBe(reason);
    const before = clock.monotonic();
    await clock.sleep(2);
    expect(clock.monotonic() - before).toBeGreaterThanOrEqual(1);
  });
});
