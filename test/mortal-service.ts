import { expect } from 'vitest';
import { OperationCalls } from '#libs/features/operations/testing';
import { DataPlaneCalls } from '#libs/features/records/testing';
import { overHttp, ServerProcess, temporaryDirectory } from '#libs/platform/testing';

/** How long to wait for what must come: for a hang alone. */
export const SOON = { interval: 20, timeout: 120_000 };

/** A kill at a named step, and what is to hold at the next start. */
export interface Strike {
  readonly failPoint: string;
  /** Operations of one kind never pass the steps of another. */
  readonly kind: 'repartition' | 'derivation' | 'migration' | 'move';
  /** What there has to be before, done in the life before this one. */
  prepare?(): Promise<void>;
  /** Brings a service that kills itself there to the step. */
  reach(): Promise<void>;
  /** In the next life: as if nothing had happened. */
  holds(): Promise<void>;
}

/** A service that is killed again and again, on the same data. */
export class MortalService {
  server!: ServerProcess;
  readonly records = new DataPlaneCalls(overHttp(() => this.server.url));
  readonly operations = new OperationCalls(overHttp(() => this.server.url));

  private constructor(
    private readonly cwd: string,
    private readonly configuration: Readonly<Record<string, string>>,
  ) {}

  /** Runs `work` against a service of its own. @param configuration `WEIR_*` variables of all its lives. */
  static async run(
    work: (service: MortalService) => Promise<void>,
    configuration: Readonly<Record<string, string>> = {},
  ): Promise<void> {
    const directory = await temporaryDirectory();
    const service = new MortalService(directory.path, configuration);
    try {
      await work(service);
    } finally {
      await service.server.kill();
      await directory.remove();
    }
  }

  async start(failPoint?: string): Promise<void> {
    const strike: Record<string, string> = failPoint === undefined ? {} : { WEIR_FAIL_POINT: failPoint };
    this.server = await ServerProcess.start({ cwd: this.cwd, env: { ...this.configuration, ...strike } });
  }

  /**
   * One strike after another. The life that ends with one of them is the one in which the strike before has to hold: it is of another kind, so that what goes on does not pass the step. Between two of
   * one kind there is a life that nobody ends.
   */
  async strike(strikes: readonly Strike[]): Promise<void> {
    let before: Strike | undefined;
    for (const [i, strike] of strikes.entries()) {
      if (before === undefined || before.kind === strike.kind) {
        await this.start();
        await before?.holds();
        await strike.prepare?.();
        await this.server.kill();
        before = undefined;
      }
      await this.start(strike.failPoint);
      await before?.holds();
      const next = strikes[i + 1];
      if (next !== undefined && next.kind !== strike.kind) await next.prepare?.();
      await strike.reach();
      expect(await this.server.exited, strike.failPoint).toMatchObject({ signal: 'SIGKILL' });
      before = strike;
    }
    await this.start();
    await before?.holds();
  }

  async reached(id: string, state: string): Promise<void> {
    await expect
      .poll(async () => {
        const { state: now, reason } = await this.operations.operation(id);
        return now === 'FAILED' ? `FAILED: ${reason}` : now;
      }, SOON)
      .toBe(state);
  }

  /** Asks for a command; the service may die before it has answered. */
  async command(id: string, name: string): Promise<void> {
    await this.operations.post(`/v1/operations/${id}:${name}`).catch(() => undefined);
  }

  /** Values of the topic that a group has not read, by key, in their order. */
  async unreadOf(topic: string, group: string): Promise<Record<string, unknown[]>> {
    interface Position {
      readonly topic: string;
      readonly partition: number;
      readonly offset: string;
    }
    const { positions } = await this.records.demand<{ positions: Position[] }>('GET', `/v1/groups/${group}`);
    const at = new Map(positions.filter((one) => one.topic === topic).map((one) => [one.partition, one.offset]));
    expect(at.size, `partitions of ${topic} in which ${group} has a position`).toBeGreaterThan(0);
    const found: Record<string, unknown[]> = {};
    for (const { partition, offset, key, value } of await this.records.read(topic))
      if (BigInt(offset) >= BigInt(at.get(partition) ?? 0)) (found[String(key)] ??= []).push(value);
    return found;
  }

  /** Values of the topic by key, in their order. */
  async valuesOf(topic: string): Promise<Record<string, unknown[]>> {
    const found: Record<string, unknown[]> = {};
    for (const { key, value } of await this.records.read(topic)) (found[String(key)] ??= []).push(value);
    return found;
  }
}

/** What is written to each topic. */
export const ORDERS = Array.from({ length: 30 }, (_, n) => ({ key: `k${n % 7}`, value: { n } }));
/** Values by key, in their order. */
export const byKey = (
  records: readonly { readonly key: string; readonly value: unknown }[],
): Record<string, unknown[]> => {
  const found: Record<string, unknown[]> = {};
  for (const { key, value } of records) (found[key] ??= []).push(value);
  return found;
};

/** One of each in turns, as long as there are both. */
export function* inTurns<T>(one: readonly T[], other: readonly T[]): Generator<T, void> {
  for (let i = 0; i < Math.max(one.length, other.length); i++) {
    if (i < one.length) yield one[i]!;
    if (i < other.length) yield other[i]!;
  }
}
