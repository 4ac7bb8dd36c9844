import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { ErrorItem } from '#libs/core/kernel';
import { kindInWords, pointerSegment } from '../json-kind.js';
import type { StepBudget } from '../step-budget.js';
import { MESSAGE_DEPTH } from './message-types.js';

/** Problems reported at once. */
export const REPORTED_PROBLEMS = 20;

export type Members = Readonly<Record<string, unknown>>;
/** Writes one value of a message, without tag and length. */
export type WriteMessage = (value: unknown, run: Run) => void;

/** Thrown when as many problems are known as are reported. */
export const ENOUGH = new Error('enough problems');

/** One value being written: where it stands, what was found. After a problem the bytes mean nothing, and the rest is read for its problems. */
export class Run {
  readonly out = new BinaryWriter();
  readonly path: (string | number)[] = [];
  readonly problems: ErrorItem[] = [];
  depth = 0;

  constructor(readonly steps: StepBudget | undefined) {}

  problem(message: string): void {
    this.problems.push({ path: this.path.map(pointerSegment).join(''), message });
    if (this.problems.length >= REPORTED_PROBLEMS) throw ENOUGH;
  }

  expected(what: string, value: unknown): void {
    this.problem(`expected ${what}, got ${kindInWords(value)}`);
  }

  within(name: string | number, what: () => void): void {
    this.path.push(name);
    what();
    this.path.pop();
  }
}

/** What is written within, after its tag and its length. */
export function lengthDelimited(run: Run, number: number, content: () => void): void {
  run.out.tag(number, WireType.LengthDelimited).fork();
  content();
  run.out.join();
}

/** One message deeper. What nests too deep is a problem and not written. */
export function deeper(run: Run, write: () => void): void {
  if (++run.depth > MESSAGE_DEPTH) run.problem(`nests deeper than ${MESSAGE_DEPTH} messages`);
  else write();
  run.depth--;
}
