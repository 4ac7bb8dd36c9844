import { setImmediate as turn } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { AppError, deferred } from '#libs/core/kernel';
import { ManualClock } from '#libs/core/kernel/testing';
import type { LogEngine } from '#libs/core/log';
import { MemoryLogEngine } from '#libs/core/log/testing';
import { Supervisor } from '#libs/core/operations';
import { createLogger, Health, Metrics } from '#libs/platform/observability';
import { ClusterConnections } from './cluster-connections.js';
import { ConfiguredClusters } from './configured-clusters.js';

const away = (): AppError =>
  new AppError({ kind: 'unavailable', code: 'cluster-unavailable', message: 'Nobody listens.', retryable: true });
const denied = (): AppError =>
  new AppError({ kind: 'forbidden', code: 'cluster-access-denied', message: 'The password is wrong.' });

/** A cluster whose presence the test decides, and what a service does with it. */
class World {
  readonly clock = new ManualClock();
  readonly clusters = new ConfiguredClusters(['local', 'far'], 'local');
  readonly health = new Health();
  readonly supervisor = new Supervisor({ clock: this.clock, owner: 'test' });
  readonly log: string[] = [];
  readonly done: string[] = [];
  /** How an attempt ends. */
  reached: () => Promise<LogEngine> = () => Promise.reject(away());
  prepared: () => Promise<void> = () => Promise.resolve();
  attempts = 0;
  readonly connections = new ClusterConnections(
    new Map([
      [
        'far',
        () => {
          this.attempts++;
          return this.reached();
        },
      ],
    ]),
    {
      clusters: this.clusters,
      clock: this.clock,
      health: this.health,
      metrics: new Metrics(),
      logger: createLogger({ level: 'info', format: 'json' }, { write: (line) => void this.log.push(line) }),
      restore: () => Promise.resolve(void this.done.push(`restore, ${this.clusters.present().length} present`)),
      prepare: (cluster) => this.prepared().then(() => void this.done.push(`prepare ${cluster}`)),
    },
  );

  constructor() {
    this.clusters.join('local', new MemoryLogEngine());
  }

  keep(): void {
    this.connections.keep(this.supervisor, (cluster) => Promise.resolve(void this.done.push(`resume ${cluster}`)));
  }

  /** Lets time pass, a tenth of a second after another. */
  async pass(ms: number): Promise<void> {
    for (let at = 0; at < ms; at += 100) {
      this.clock.advance(100);
      for (let i = 0; i < 5; i++) await turn();
    }
  }

  /** The outcome of a start, however long it waits. */
  async started(): Promise<void> {
    const begun = this.connections.begin();
    let over = false;
    const ended = begun.finally(() => (over = true)).catch(() => undefined);
    while (!over) await this.pass(100);
    await ended;
    await begun;
  }

  async readiness(): Promise<unknown> {
    const { checks } = await this.health.readiness();
    return checks['cluster-far'];
  }

  async stop(): Promise<void> {
    await this.supervisor.close();
    this.connections.close();
  }
}

describe('a cluster that is somewhere else', () => {
  let world: World;
  beforeEach(() => void (world = new World()));
  afterEach(() => world.stop());

  it('that answers has joined and is prepared when the start goes on, and the start itself begins its work', async () => {
    world.reached = () => Promise.resolve(new MemoryLogEngine());
    await world.started();
    expect(world.done).toEqual(['restore, 1 present', 'prepare far']);
    expect(world.clusters.present()).toEqual(['local', 'far']);
    expect(await world.readiness()).toEqual({ status: 'ok' });
    world.keep();
    await world.pass(30_000);
    expect(world.done).toHaveLength(2);
    expect(world.attempts).toBe(1);
  });

  it('that is away is refused by name, with when to ask again, and joins once when it answers: everything in order, nothing twice', async () => {
    await world.started();
    expect(world.clusters.names()).toEqual(['local', 'far']);
    expect(world.clusters.present()).toEqual(['local']);
    world.keep();
    await world.pass(5_000);
    expect(() => world.clusters.get('far')).toThrow(
      expect.objectContaining({
        kind: 'unavailable',
        code: 'cluster-unavailable',
        details: { cluster: 'far' },
        message: expect.stringContaining('Nobody listens.') as string,
        retryAfterMs: 4_000,
      }),
    );
    expect(await world.readiness()).toMatchObject({ status: 'degraded' });
    expect(world.done).toEqual([]);
    const engine = new MemoryLogEngine();
    world.reached = () => Promise.resolve(engine);
    await world.pass(60_000);
    expect(world.done).toEqual(['restore, 1 present', 'prepare far', 'resume far']);
    expect(world.clusters.get('far')).toBe(engine);
    expect(await world.readiness()).toEqual({ status: 'ok' });
  });

  it('is tried again after pauses that grow to ten seconds', async () => {
    await world.started();
    world.keep();
    await world.pass(16_000);
    // At 0, 0.5, 1.5, 3.5, 7.5 and 15.5 seconds, after the one of the start.
    expect(world.attempts).toBe(7);
    await world.pass(100_000);
    expect(world.attempts).toBe(17);
  });

  it('that stays silent holds a start for fifteen seconds at most, and the attempt it has begun is the one that counts', async () => {
    const answer = deferred<LogEngine>();
    world.reached = () => answer.promise;
    await world.started();
    expect(world.clock.monotonic()).toBe(15_000);
    expect(() => world.clusters.get('far')).toThrow('it is being connected to');
    // It answers while the rest of the start is under way, and joins after that alone.
    answer.resolve(new MemoryLogEngine());
    await world.pass(1_000);
    expect(world.clusters.present()).toEqual(['local']);
    world.keep();
    await world.pass(1_000);
    expect(world.done).toEqual(['restore, 1 present', 'prepare far', 'resume far']);
    expect(world.attempts).toBe(1);
  });

  it('that refuses the credentials ends the start; what is found out later is told, and may be put right', async () => {
    world.reached = () => Promise.reject(denied());
    await expect(world.started()).rejects.toMatchObject({ code: 'cluster-access-denied' });
    world = new World();
    await world.started();
    world.keep();
    await world.pass(1_000);
    world.reached = () => Promise.reject(denied());
    await world.pass(20_000);
    expect(() => world.clusters.get('far')).toThrow('The password is wrong.');
    expect(world.log.filter((line) => line.includes('could not be reached'))).toHaveLength(2);
    world.reached = () => Promise.resolve(new MemoryLogEngine());
    await world.pass(20_000);
    expect(world.clusters.present()).toContain('far');
  });

  it('whose log is that of another cluster ends the start, by both names', async () => {
    world.reached = () => Promise.resolve(world.clusters.get('local'));
    await expect(world.started()).rejects.toMatchObject({
      code: 'invalid-configuration',
      message: expect.stringContaining("'far' and 'local'") as string,
    });
  });

  it('that goes away between joining and being prepared is prepared when it is back, and only then worked in', async () => {
    world.reached = () => Promise.resolve(new MemoryLogEngine());
    world.prepared = () => Promise.reject(away());
    await world.started();
    world.keep();
    await world.pass(5_000);
    expect(world.done).toEqual(['restore, 1 present']);
    expect(await world.readiness()).toMatchObject({ status: 'degraded' });
    world.prepared = () => Promise.resolve();
    await world.pass(60_000);
    expect(world.done).toEqual(['restore, 1 present', 'prepare far', 'resume far']);
    expect(world.attempts).toBe(1);
  });

  it('that goes away later is told as degraded until it answers again; it stays joined', async () => {
    const engine = new MemoryLogEngine();
    world.reached = () => Promise.resolve(engine);
    await world.started();
    world.keep();
    const { administration } = engine;
    const describeCluster = administration.describeCluster.bind(administration);
    const silence = deferred<never>();
    administration.describeCluster = () => silence.promise;
    await world.pass(10_000);
    expect(await world.readiness()).toEqual({ status: 'degraded', detail: 'does not answer' });
    expect((await world.health.readiness()).checks).toHaveProperty('cluster-far.status', 'degraded');
    expect(world.clusters.get('far')).toBe(engine);
    administration.describeCluster = describeCluster;
    silence.reject(away());
    await world.pass(10_000);
    expect(await world.readiness()).toEqual({ status: 'ok' });
  });

  it('is closed, and joins no more, when the service stops while it is being reached', async () => {
    const answer = deferred<LogEngine>();
    world.reached = () => answer.promise;
    await world.started();
    world.keep();
    await world.pass(100);
    await world.stop();
    const engine = new MemoryLogEngine();
    answer.resolve(engine);
    await world.pass(1_000);
    await expect(engine.listTopics()).rejects.toMatchObject({ code: 'log-closed' });
    expect(world.clusters.present()).toEqual(['local']);
  });
});
