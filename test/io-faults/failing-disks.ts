import { join } from 'node:path';
import { afterAll, beforeAll, expect } from 'vitest';
import { temporaryDirectory, type TemporaryDirectory } from '#libs/platform/testing';
import { type Calls, compileShim, type Fault, type Strike } from './fault-shim.js';
import { FaultyService, type FaultyServiceOptions } from './faulty-service.js';

/** A fault, and of the calls that could meet it every how many is struck. */
export interface StruckCalls {
  readonly fault: Fault;
  readonly calls: Calls;
  /** How many each time from the last one on. WEIR_IO_FAULTS_STRIDE in its place, where that is set: 1 strikes all. */
  readonly stride: number;
}

/** Where services on disks that fail come from. */
export interface FailingDisks {
  /** A service in a directory of its own, which is made and in which nothing is yet. */
  create(options?: FaultyServiceOptions): Promise<FaultyService>;
}

/** Services on disks that fail, for the tests of one suite: the shim is compiled before its first test, and all their directories go after its last. */
export function failingDisks(): FailingDisks {
  let temporary: TemporaryDirectory | undefined;
  let library = '';
  let lives = 0;
  beforeAll(async () => {
    temporary = await temporaryDirectory();
    library = await compileShim(temporary.path);
  });
  afterAll(() => temporary?.remove());
  return {
    create: (options) => FaultyService.create(library, join(temporary!.path, `life${lives++}`), options),
  };
}

/** Every how many calls a suite strikes. */
export function strideOf({ stride }: Pick<StruckCalls, 'stride'>): number {
  return Number(process.env['WEIR_IO_FAULTS_STRIDE'] ?? stride);
}

/** A strike in messages. @param n which call since the disk was armed. */
export function strikeName(n: number, strike: Strike | undefined, fault: Fault): string {
  return `call ${n}, ${strike?.call} of ${strike?.path} (${fault})`;
}

/** No problems; the failure has them all in its first line, which is what a summary of the run keeps. */
export function expectNone(problems: readonly string[]): void {
  expect(problems, problems.join(' | ')).toEqual([]);
}
