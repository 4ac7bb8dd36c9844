import { type DirectoryEntry, FileSystem, OpenFile, type OpenMode } from '../file-system.js';
import type { SeededRandom } from './seeded-random.js';
import {
  changeNames,
  cutPower,
  keepEverything,
  SimulatedDirectory,
  SimulatedInode,
  type SimulatedNode,
} from './simulated-disk.js';

/** Calls that change something or can fail for want of something. */
export type DiskCall =
  'open' | 'write' | 'sync' | 'truncate' | 'rename' | 'remove' | 'makeDirectory' | 'syncDirectory' | 'read' | 'list';

/**
 * What goes wrong with a call. `short`: a write takes only part of its bytes and says so. `lost`: a flush does nothing and says it is done.
 * `gone`: the machine stops here, for good.
 */
export type DiskFault = 'EIO' | 'ENOSPC' | 'EMFILE' | 'short' | 'lost' | 'gone';

/** The machine has stopped: nothing done after it has any effect. */
export class MachineGone extends Error {
  override readonly name = 'MachineGone';
}

/**
 * A disk in memory with the manners of real ones: what is written can be read at once but is durable only after a flush, names apart from contents. A power
 * cut keeps any part of what was not flushed, in pieces of 512 or 4,096 bytes. Calls can be made to fail. Everything follows from the seed.
 */
export class SimulatedFileSystem extends FileSystem {
  /** Files open at the moment; 0 when nobody leaks. */
  openFiles = 0;
  /** Calls so far, reads and lists left out. */
  calls = 0;
  /** Decides the fate of a call; `index` counts from 1. */
  fault: ((call: DiskCall, index: number, path: string) => DiskFault | undefined) | undefined;
  /** false: a flush says it is done and does nothing. The negative control of every durability test. */
  honest = true;
  /** Bytes all files together may have. */
  capacity = Infinity;
  #gone = false;

  /** With `random`, calls take a while now and then, so that things overlap. */
  constructor(
    private readonly random?: SeededRandom,
    readonly root = new SimulatedDirectory(),
  ) {
    super();
  }

  /** Stops the machine at once. */
  stop(): void {
    this.#gone = true;
  }

  get gone(): boolean {
    return this.#gone;
  }

  /** The machine after a power cut and a new start. This one stays gone, with whoever still holds it. */
  afterPowerCut(random: SeededRandom): SimulatedFileSystem {
    this.#gone = true;
    cutPower(this.root, random);
    return new SimulatedFileSystem(this.random, this.root);
  }

  /** The machine after the process was killed: everything written is there. This one stays gone, as the process does. */
  afterKill(): SimulatedFileSystem {
    this.#gone = true;
    keepEverything(this.root);
    return new SimulatedFileSystem(this.random, this.root);
  }

  /** Bytes of all files now. */
  get usedBytes(): number {
    const sum = (directory: SimulatedDirectory): number => {
      let bytes = 0;
      for (const node of directory.current.values()) {
        bytes += node instanceof SimulatedDirectory ? sum(node) : node.current.length;
      }
      return bytes;
    };
    return sum(this.root);
  }

  /** All files by path, with their contents as they are now. */
  files(): Map<string, SimulatedInode> {
    const found = new Map<string, SimulatedInode>();
    const walk = (directory: SimulatedDirectory, path: string): void => {
      for (const [name, node] of directory.current) {
        if (node instanceof SimulatedDirectory) walk(node, `${path}/${name}`);
        else found.set(`${path}/${name}`, node);
      }
    };
    walk(this.root, '');
    return found;
  }

  /** A copy of everything as it is now, all of it durable. */
  copy(): SimulatedFileSystem {
    const twin = new SimulatedFileSystem(this.random);
    const walk = (from: SimulatedDirectory, to: SimulatedDirectory): void => {
      for (const [name, node] of from.current) {
        const made = node instanceof SimulatedDirectory ? new SimulatedDirectory() : new SimulatedInode();
        if (node instanceof SimulatedDirectory) walk(node, made as SimulatedDirectory);
        else {
          (made as SimulatedInode).durable = Buffer.from(node.current);
          (made as SimulatedInode).settle();
        }
        to.current.set(name, made);
        to.durable.set(name, made);
      }
    };
    walk(this.root, twin.root);
    return twin;
  }

  async open(path: string, mode: OpenMode): Promise<OpenFile> {
    await this.pass('open', path);
    const { directory, name } = this.parent(path);
    let node = directory.current.get(name);
    if (node === undefined) {
      if (mode !== 'create') throw systemError('ENOENT', path);
      node = new SimulatedInode();
      changeNames({ entries: [{ directory, name, node }] });
    }
    if (!(node instanceof SimulatedInode)) throw systemError('EISDIR', path);
    this.openFiles++;
    return new SimulatedFile(this, path, node);
  }

  async list(path: string): Promise<readonly DirectoryEntry[] | undefined> {
    await this.pass('list', path);
    const node = this.find(path);
    if (!(node instanceof SimulatedDirectory)) return undefined;
    return [...node.current]
      .map(([name, child]) => ({ name, directory: child instanceof SimulatedDirectory }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
  }

  async fileSize(path: string): Promise<number | undefined> {
    await this.pass('list', path);
    const node = this.find(path);
    return node instanceof SimulatedInode ? node.current.length : undefined;
  }

  async makeDirectory(path: string): Promise<void> {
    await this.pass('makeDirectory', path);
    const { directory, name } = this.parent(path);
    if (!directory.current.has(name)) changeNames({ entries: [{ directory, name, node: new SimulatedDirectory() }] });
  }

  async rename(from: string, to: string): Promise<void> {
    await this.pass('rename', from);
    const source = this.parent(from);
    const target = this.parent(to);
    const node = source.directory.current.get(source.name);
    if (node === undefined) throw systemError('ENOENT', from);
    changeNames({
      entries: [
        { directory: source.directory, name: source.name },
        { directory: target.directory, name: target.name, node },
      ],
    });
  }

  async remove(path: string): Promise<void> {
    await this.pass('remove', path);
    if (this.find(path) === undefined) return;
    const { directory, name } = this.parent(path);
    if (directory.current.has(name)) changeNames({ entries: [{ directory, name }] });
  }

  async removeDirectory(path: string): Promise<void> {
    await this.pass('remove', path);
    const { directory, name } = this.parent(path);
    const node = directory.current.get(name);
    if (node instanceof SimulatedDirectory && node.current.size > 0) throw systemError('ENOTEMPTY', path);
    if (node !== undefined) changeNames({ entries: [{ directory, name }] });
  }

  async syncDirectory(path: string): Promise<void> {
    await this.pass('syncDirectory', path);
    const node = this.find(path);
    if (!(node instanceof SimulatedDirectory)) throw systemError('ENOENT', path);
    if (this.honest) node.flush();
  }

  /** Lets a call through, late perhaps, or fails it. For {@link SimulatedFile} too. */
  async pass(call: DiskCall, path: string): Promise<'short' | 'lost' | undefined> {
    const random = this.random;
    if (random !== undefined && call !== 'list' && random.chance(0.3)) {
      for (let turns = random.below(call === 'sync' ? 4 : 2); turns > 0; turns--) {
        await new Promise((resolve) => setImmediate(resolve));
      }
    }
    return this.passNow(call, path);
  }

  passNow(call: DiskCall, path: string): 'short' | 'lost' | undefined {
    if (this.#gone) throw new MachineGone(path);
    if (call === 'read' || call === 'list') return undefined;
    const fault = this.fault?.(call, ++this.calls, path);
    if (fault === undefined) return undefined;
    if (fault === 'short' && call === 'write') return 'short';
    if (fault === 'lost') return 'lost';
    if (fault === 'gone') {
      this.#gone = true;
      throw new MachineGone(path);
    }
    throw systemError(fault === 'short' ? 'ENOSPC' : fault, path);
  }

  /** How many of the bytes a write may add. */
  room(inode: SimulatedInode, position: number, length: number): number {
    if (this.capacity === Infinity) return length;
    const grows = Math.max(0, position + length - inode.current.length);
    return Math.max(0, length - Math.max(0, this.usedBytes + grows - this.capacity));
  }

  private find(path: string): SimulatedNode | undefined {
    let node: SimulatedNode | undefined = this.root;
    for (const name of path.split('/').filter((part) => part !== '')) {
      node = node instanceof SimulatedDirectory ? node.current.get(name) : undefined;
    }
    return node;
  }

  private parent(path: string): { directory: SimulatedDirectory; name: string } {
    const at = path.lastIndexOf('/');
    const directory = this.find(path.slice(0, at));
    if (!(directory instanceof SimulatedDirectory)) throw systemError('ENOENT', path);
    return { directory, name: path.slice(at + 1) };
  }
}

class SimulatedFile extends OpenFile {
  #open = true;

  constructor(
    private readonly disk: SimulatedFileSystem,
    readonly path: string,
    private readonly inode: SimulatedInode,
  ) {
    super();
  }

  async size(): Promise<number> {
    await this.pass('read');
    return this.inode.current.length;
  }

  async read(target: Uint8Array, position: number): Promise<number> {
    await this.pass('read');
    const part = this.inode.current.subarray(position, position + target.length);
    target.set(part);
    return part.length;
  }

  async write(bytes: Uint8Array, position: number): Promise<number> {
    return this.put(bytes, position, await this.pass('write'));
  }

  writeNow(bytes: Uint8Array, position: number): number {
    this.checkOpen();
    return this.put(bytes, position, this.disk.passNow('write', this.path));
  }

  async sync(): Promise<void> {
    // What is written while the flush is under way is not part of it.
    const { changes } = this.inode;
    const fate = await this.pass('sync');
    if (this.disk.honest && fate !== 'lost') this.inode.flush(changes);
  }

  async truncate(size: number): Promise<void> {
    await this.pass('truncate');
    const grows = size - this.inode.current.length;
    if (grows > 0 && this.disk.usedBytes + grows > this.disk.capacity) throw systemError('ENOSPC', this.path);
    if (size !== this.inode.current.length) this.inode.change({ kind: 'truncate', size });
  }

  async close(): Promise<void> {
    if (!this.#open) throw systemError('EBADF', this.path);
    this.#open = false;
    this.disk.openFiles--;
  }

  private async pass(call: DiskCall): Promise<'short' | 'lost' | undefined> {
    this.checkOpen();
    return await this.disk.pass(call, this.path);
  }

  private put(bytes: Uint8Array, position: number, fate: 'short' | 'lost' | undefined): number {
    let count = this.disk.room(this.inode, position, bytes.length);
    if (count === 0 && bytes.length > 0) throw systemError('ENOSPC', this.path);
    if (fate === 'short') count = Math.floor(count / 2);
    if (count > 0) this.inode.change({ kind: 'write', position, bytes: new Uint8Array(bytes.subarray(0, count)) });
    return count;
  }

  private checkOpen(): void {
    if (!this.#open) throw systemError('EBADF', this.path);
  }
}

function systemError(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: simulated, '${path}'`), { code });
}
