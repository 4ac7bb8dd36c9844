import type { SeededRandom } from './seeded-random.js';

/** A change to a file that is not flushed yet. */
type Change =
  | { readonly kind: 'write'; readonly position: number; readonly bytes: Uint8Array }
  | { readonly kind: 'truncate'; readonly size: number };

/** A file: what everybody reads now, what the platter holds, and the changes in between, oldest first. */
export class SimulatedInode {
  current: Buffer = Buffer.alloc(0);
  durable: Buffer = Buffer.alloc(0);
  unflushed: Change[] = [];
  /** Changes that reached the platter. */
  #flushed = 0;

  /** Changes ever made. */
  get changes(): number {
    return this.#flushed + this.unflushed.length;
  }

  change(change: Change): void {
    this.current = applied(this.current, change);
    this.unflushed.push(change);
  }

  /** The first `count` changes ever made reach the platter. */
  flush(count: number): void {
    const fresh = this.unflushed.splice(0, Math.max(0, count - this.#flushed));
    this.#flushed += fresh.length;
    for (const change of fresh) this.durable = applied(this.durable, change);
  }

  /** What a power cut leaves: the platter, and of the unflushed changes whatever happened to be written back. */
  cut(random: SeededRandom): void {
    const habit = random.pick(['none', 'all', 'first', 'some'] as const);
    const sector = random.pick([512, 4096]);
    const first = random.below(this.unflushed.length + 1);
    this.unflushed.forEach((change, index) => {
      if (habit === 'none' || (habit === 'first' && index > first)) return;
      const whole = habit === 'all' || (habit === 'first' && index < first);
      if (change.kind === 'truncate') {
        if (whole || random.chance(0.5)) this.durable = applied(this.durable, change);
        return;
      }
      for (const piece of sectorsOf(change.position, change.bytes, sector)) {
        if (whole || random.chance(0.5)) this.durable = applied(this.durable, { kind: 'write', ...piece });
      }
    });
    this.settle();
  }

  /** What the platter holds is all there is. */
  settle(): void {
    this.current = Buffer.from(this.durable);
    this.unflushed = [];
  }

  /** Everything written is on the platter, as after a kill of the process alone. */
  keepAll(): void {
    this.flush(this.changes);
  }
}

export type SimulatedNode = SimulatedInode | SimulatedDirectory;

/** A change of names. A rename across directories is one change of both. */
export interface NameChange {
  readonly entries: readonly {
    readonly directory: SimulatedDirectory;
    readonly name: string;
    /** Absent: the name goes. */
    readonly node?: SimulatedNode;
  }[];
}

export class SimulatedDirectory {
  readonly current = new Map<string, SimulatedNode>();
  readonly durable = new Map<string, SimulatedNode>();
  unflushed: NameChange[] = [];

  /** All changes of names so far reach the platter. */
  flush(): void {
    for (const change of [...this.unflushed]) applyNames(change);
  }
}

/** Changes names for everybody; a flush of the directory makes it durable. */
export function changeNames(change: NameChange): void {
  for (const { directory, name, node } of change.entries) {
    if (node === undefined) directory.current.delete(name);
    else directory.current.set(name, node);
    directory.unflushed.push(change);
  }
}

/** Makes a change of names durable. */
export function applyNames(change: NameChange): void {
  for (const { directory, name, node } of change.entries) {
    if (node === undefined) directory.durable.delete(name);
    else directory.durable.set(name, node);
    directory.unflushed = directory.unflushed.filter((one) => one !== change);
  }
}

/** Cuts the power below a directory: each unflushed change of names is there or not. */
export function cutPower(directory: SimulatedDirectory, random: SeededRandom): void {
  const pending = new Set<NameChange>();
  collect(directory, pending, new Set());
  const keep = random.pick([0, 0.5, 1]);
  for (const change of pending) if (random.chance(keep)) applyNames(change);
  settle(directory, (inode) => inode.cut(random));
}

/** Ends the process alone: the machine writes everything back. */
export function keepEverything(directory: SimulatedDirectory): void {
  const pending = new Set<NameChange>();
  collect(directory, pending, new Set());
  for (const change of pending) applyNames(change);
  settle(directory, (inode) => inode.keepAll());
}

function collect(directory: SimulatedDirectory, pending: Set<NameChange>, seen: Set<SimulatedNode>): void {
  if (seen.has(directory)) return;
  seen.add(directory);
  for (const change of directory.unflushed) pending.add(change);
  for (const node of [...directory.current.values(), ...directory.durable.values()]) {
    if (node instanceof SimulatedDirectory) collect(node, pending, seen);
  }
}

function settle(directory: SimulatedDirectory, cut: (inode: SimulatedInode) => void): void {
  directory.current.clear();
  directory.unflushed = [];
  for (const [name, node] of directory.durable) {
    directory.current.set(name, node);
    if (node instanceof SimulatedDirectory) settle(node, cut);
    else cut(node);
  }
}

function applied(content: Buffer, change: Change): Buffer {
  if (change.kind === 'truncate') {
    if (change.size <= content.length) return Buffer.from(content.subarray(0, change.size));
    return Buffer.concat([content, Buffer.alloc(change.size - content.length)]);
  }
  const end = change.position + change.bytes.length;
  const target = end <= content.length ? content : Buffer.concat([content, Buffer.alloc(end - content.length)]);
  target.set(change.bytes, change.position);
  return target;
}

function* sectorsOf(
  position: number,
  bytes: Uint8Array,
  sector: number,
): Generator<{ position: number; bytes: Uint8Array }> {
  for (let at = 0; at < bytes.length;) {
    const next = Math.min(bytes.length, at + sector - ((position + at) % sector));
    yield { position: position + at, bytes: bytes.subarray(at, next) };
    at = next;
  }
}
