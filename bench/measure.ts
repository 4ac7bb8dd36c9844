import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** One figure of a benchmark and the baseline measured in the same run. */
export interface Comparison {
  readonly what: string;
  readonly unit: string;
  readonly measured: number;
  readonly baseline: { readonly what: string; readonly measured: number };
  /** The least ratio of measured to baseline that the project holds itself to; `bench --gate` fails below it. */
  readonly goal?: number;
  readonly note?: string;
}

/** A figure without a baseline. */
export interface Figure {
  readonly what: string;
  readonly unit: string;
  readonly measured: number;
  /** The most and the least that is accepted; `bench --gate` fails beyond. */
  readonly most?: number;
  readonly least?: number;
  readonly note?: string;
}

export interface Benchmark {
  readonly name: string;
  run(): Promise<readonly (Comparison | Figure)[]>;
}

/** The middle of several runs: one slow one does not count. */
export function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

/** What so large a share of the values is not above, as 0.99; NaN where there are none. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? NaN;
}

/** Runs measured thing and baseline in turns, so that both see the same machine, and answers the medians. */
export async function inTurns(
  rounds: number,
  measured: () => Promise<number>,
  baseline: () => Promise<number>,
): Promise<{ measured: number; baseline: number }> {
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let round = 0; round < rounds; round++) {
    theirs.push(await baseline());
    ours.push(await measured());
  }
  return { measured: median(ours), baseline: median(theirs) };
}

export async function inTemporaryDirectory<T>(task: (directory: string) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'weir-bench-'));
  try {
    return await task(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Units a second over `ms`. */
export const perSecond = (count: number, ms: number): number => (count * 1000) / ms;
