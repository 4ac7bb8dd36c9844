import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NotReady, ServerProcess, temporaryDirectory, type TemporaryDirectory } from '#libs/platform/testing';
import { Clients } from './clients.js';

/** How a round ends: at a named step of the service's own code, or at a moment drawn by chance. */
type Kill = { readonly at: string } | { readonly afterMs: number };

/** Of both series together. */
const ROUNDS = Number(process.env['WEIR_CRASH_ROUNDS'] ?? 45);
/** A round whose named step is not passed in this time is ended by a plain kill. */
const LONGEST_ROUND_MS = 20_000;

/** Steps of each kind of work; the rounds go through them in turn. Numbers are passes. */
const KILLS: Readonly<Record<string, readonly Kill[]>> = {
  append: [{ at: 'journal-append:40' }, { at: 'journal-flushed:60' }, { afterMs: 150 }, { at: 'journal-append:7' }],
  checkpoint: [
    { at: 'checkpoint-begin:2' },
    { at: 'checkpoint-segments-flushed:2' },
    { at: 'checkpoint-snapshot-renamed:1' },
    { afterMs: 420 },
  ],
  recovery: [
    { at: 'recovery-begin:1' },
    { at: 'recovery-replayed:1' },
    { at: 'recovery-snapshot-renamed:1' },
    { at: 'recovery-end:1' },
  ],
  cutover: [
    { at: 'repartition:switch:fenced' },
    { at: 'repartition:switch:drained' },
    { at: 'repartition:switch:name-moved' },
    { at: 'repartition:switch:activated' },
    { at: 'repartition:switch:closed' },
    { at: 'repartition:switch:translated' },
    { at: 'operation:repartition:CUTTING_OVER:after' },
    { at: 'operation:repartition:SWITCHED:before' },
    { at: 'repartition:copy:done' },
  ],
  view: [{ at: 'view-step-folded:3' }, { at: 'view-step-stored:3' }, { at: 'view-step-folded:12' }, { afterMs: 700 }],
};

const KINDS = Object.keys(KILLS);
/** The kinds in turns, and the steps of each in turn. */
const ROUND_PLAN = Array.from({ length: ROUNDS }, (_, round) => {
  const turn = Math.floor(round / KINDS.length);
  const kind = KINDS[round % KINDS.length]!;
  const kills = KILLS[kind]!;
  return { round, turn, kind, kill: kills[turn % kills.length]! };
});

const ENV = {
  WEIR_LOGGING_LEVEL: 'info',
  WEIR_LOG_CHECKPOINT_INTERVAL_MS: '120',
  WEIR_LOG_SEGMENT_BYTES: '1048576',
  WEIR_OPERATIONS_ROLLBACK_WINDOW_MS: '0',
};

/**
 * A series of rounds on one directory, each ended by a kill and judged by everything that was acknowledged in it and before. There are two, which can run side by side, and the rounds are shared out so that each
 * kind of kill comes in both: what is judged grows with the rounds, so one series of all would take twice as long as two of half.
 */
export function crashRounds(series: 'even' | 'odd'): void {
  const plan = ROUND_PLAN.filter(({ turn }) => turn % 2 === (series === 'even' ? 0 : 1));
  describe(`kill -9, ${plan.length} rounds, clients at work`, () => inRounds(plan));
}

function inRounds(plan: typeof ROUND_PLAN): void {
  let directory: TemporaryDirectory;
  const clients = new Clients();
  const hit = new Map<string, number>();
  /** The service that was looked at last, where the next life is one in which it may go on. */
  let standing: ServerProcess | undefined;

  beforeAll(async () => {
    directory = await temporaryDirectory();
    const server = await ServerProcess.start({ cwd: directory.path, env: ENV });
    await clients.setUp(server.url);
    await server.stop();
  });

  afterAll(async () => {
    await standing?.kill();
    await directory.remove();
  });

  /** One life of the process: it starts, clients work, it dies. Resolves with whether it died where it was meant to. */
  async function live(kill: Kill): Promise<boolean> {
    const env = 'at' in kill ? { ...ENV, WEIR_FAIL_POINT: kill.at } : ENV;
    let server: ServerProcess;
    try {
      server = standing ?? (await ServerProcess.start({ cwd: directory.path, env }));
      standing = undefined;
    } catch (error) {
      // It killed itself while it recovered: nobody was promised anything in this life.
      if ('at' in kill && error instanceof NotReady) return true;
      throw error;
    }
    const stop = new AbortController();
    const longest = setTimeout(() => server.signal('SIGKILL'), 'afterMs' in kill ? kill.afterMs : LONGEST_ROUND_MS);
    let ownDeath = 'at' in kill;
    const started = performance.now();
    const working = clients.work(server.url, stop.signal);
    try {
      await Promise.race([server.exited, working]);
      await server.exited;
      ownDeath &&= performance.now() - started < LONGEST_ROUND_MS;
    } finally {
      clearTimeout(longest);
      stop.abort();
    }
    await working;
    return ownDeath || 'afterMs' in kill;
  }

  it.each(plan)('round $round: $kind $kill', async ({ round, kind, kill }) => {
    // Recovery has work to do only after an unclean end.
    if (kind === 'recovery') await live({ afterMs: 200 });
    if (await live(kill)) hit.set(kind, (hit.get(kind) ?? 0) + 1);
    const server = await ServerProcess.start({ cwd: directory.path, env: ENV });
    let mayGoOn = false;
    try {
      const problems = await clients.problems(server.url);
      expect(problems, problems.join(' | ')).toEqual([]);
      const next = plan[plan.findIndex((one) => one.round === round) + 1];
      mayGoOn = next !== undefined && (next.kind === 'recovery' || 'afterMs' in next.kill);
    } finally {
      if (mayGoOn) standing = server;
      else await server.kill();
    }
  });

  it('ended where it was meant to in most rounds of each kind', () => {
    for (const kind of KINDS)
      expect(hit.get(kind) ?? 0, kind).toBeGreaterThanOrEqual(Math.floor(plan.length / KINDS.length / 2));
  });

  it('has kept everything when all work has come to its end, and stops in order', async () => {
    const server = await ServerProcess.start({ cwd: directory.path, env: ENV });
    await clients.settle(server.url);
    expect(await clients.problems(server.url)).toEqual([]);
    expect(clients.history.acknowledged).toBeGreaterThan(plan.length * 20);
    expect(await server.stop()).toEqual({ code: 0, signal: null });
  });
}
