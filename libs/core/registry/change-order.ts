import { referencesCyclic } from './errors.js';
import { subjectText, type SubjectName } from './subject-name.js';

/** A change of a set, as far as its place in the order goes. */
export interface OrderedChange {
  /** What it changes. */
  readonly subject: SubjectName;
  /** Whether it registers a schema. */
  readonly registers: boolean;
  /** Subjects that its schema refers to, in a version that the registry does not have yet. */
  readonly needs: readonly SubjectName[];
}

/**
 * An order in which a set can be made: what a schema refers to before the schema, changes to one subject as they are listed, and otherwise the first listed first.
 * @returns places in the list. @throws `references-cyclic`
 */
export function orderOf(changes: readonly OrderedChange[]): readonly number[] {
  const before = predecessorsOf(changes);
  const waiting = before.map((some) => some.size);
  const after: number[][] = changes.map(() => []);
  for (const [index, some] of before.entries()) for (const one of some) after[one]!.push(index);
  const ready = new SmallestFirst();
  for (const [index, count] of waiting.entries()) if (count === 0) ready.add(index);
  const order: number[] = [];
  for (let index = ready.take(); index !== undefined; index = ready.take()) {
    order.push(index);
    for (const one of after[index]!) if (--waiting[one]! === 0) ready.add(one);
  }
  if (order.length < changes.length) throw referencesCyclic(cycleIn(changes, before, new Set(order)));
  return order;
}

function predecessorsOf(changes: readonly OrderedChange[]): readonly ReadonlySet<number>[] {
  const registrations = new Map<string, number[]>();
  const last = new Map<string, number>();
  const before = changes.map(() => new Set<number>());
  for (const [index, { subject, registers }] of changes.entries()) {
    const key = subjectText(subject);
    const previous = last.get(key);
    if (previous !== undefined) before[index]!.add(previous);
    last.set(key, index);
    if (!registers) continue;
    const known = registrations.get(key);
    if (known === undefined) registrations.set(key, [index]);
    else known.push(index);
  }
  for (const [index, { subject, needs }] of changes.entries()) {
    for (const needed of needs) {
      // A schema may refer to the version of its own subject that is there before it.
      if (subjectText(needed) === subjectText(subject)) continue;
      const providers = registrations.get(subjectText(needed));
      // All of them, so that "the latest" is the last one; the order within the subject makes the last one enough.
      if (providers !== undefined) before[index]!.add(providers.at(-1)!);
    }
  }
  return before;
}

/** Names along a circle of changes that wait for one another. */
function cycleIn(
  changes: readonly OrderedChange[],
  before: readonly ReadonlySet<number>[],
  done: ReadonlySet<number>,
): readonly string[] {
  const path: number[] = [];
  const seen = new Map<number, number>();
  // Whatever is left waits for something that is left, so following it leads into a circle.
  for (let at = changes.findIndex((_, i) => !done.has(i)); ; at = [...before[at]!].find((one) => !done.has(one))!) {
    const start = seen.get(at);
    if (start !== undefined) {
      const names = [...path.slice(start), at].map((index) => subjectText(changes[index]!.subject));
      return names.filter((name, i) => i === 0 || name !== names[i - 1]);
    }
    seen.set(at, path.length);
    path.push(at);
  }
}

/** Numbers, the smallest first: a binary heap. */
class SmallestFirst {
  readonly #heap: number[] = [];

  add(value: number): void {
    const heap = this.#heap;
    let at = heap.push(value) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (heap[parent]! <= heap[at]!) return;
      [heap[parent], heap[at]] = [heap[at]!, heap[parent]!];
      at = parent;
    }
  }

  take(): number | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (heap.length === 0 || last === undefined) return first;
    heap[0] = last;
    for (let at = 0; ;) {
      const [left, right] = [at * 2 + 1, at * 2 + 2];
      let least = at;
      if (left < heap.length && heap[left]! < heap[least]!) least = left;
      if (right < heap.length && heap[right]! < heap[least]!) least = right;
      if (least === at) return first;
      [heap[least], heap[at]] = [heap[at]!, heap[least]!];
      at = least;
    }
  }
}
