import { execFile } from 'node:child_process';
import { closeSync, fsyncSync, openSync, readSync, writeSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';

/**
 * How a call fails: as the system would say it, or `short`: half of a write is done and said; `lost`: nothing of a write or a read is done and all is said; `kill`: the process ends
 * before it; `slow`: the call is done, 200 ms later.
 */
export type Fault = 'EIO' | 'ENOENT' | 'ENOSPC' | 'EMFILE' | 'short' | 'lost' | 'kill' | 'slow';

/** The calls that are counted, and of which one is struck: all but reads, reads alone, opens alone, or flushes alone. */
export type Calls = 'changes' | 'reads' | 'opens' | 'flushes';

const HOW: Readonly<Record<Fault, bigint>> = {
  ENOENT: 2n,
  EIO: 5n,
  EMFILE: 24n,
  ENOSPC: 28n,
  short: -1n,
  lost: -2n,
  kill: -3n,
  slow: -4n,
};
const WHICH: Readonly<Record<Calls, bigint>> = { changes: 0n, reads: 1n, opens: 2n, flushes: 3n };
const CONTROL_BYTES = 512;
/** What comes before the path in it. */
const HEAD_BYTES = 72;

/** What was struck. */
export interface Strike {
  readonly call: string;
  readonly path: string;
}

/** Compiles the shim into a directory. @throws when there is no C compiler, with what it said. */
export async function compileShim(directory: string): Promise<string> {
  const library = join(directory, 'io-faults.so');
  const source = new URL('io-faults.c', import.meta.url).pathname;
  await promisify(execFile)('cc', ['-O1', '-fPIC', '-shared', '-o', library, source, '-ldl']);
  return library;
}

/** The hand on the disk of a process: see `io-faults.c`. One process at a time listens to it. */
export class IoFaults {
  private constructor(
    private readonly file: number,
    /** For the process. */
    readonly env: Readonly<Record<string, string>>,
  ) {}

  /** @param directory only calls on files below it count. */
  static async over(library: string, directory: string, control: string): Promise<IoFaults> {
    await writeFile(control, Buffer.alloc(CONTROL_BYTES));
    const env = { LD_PRELOAD: library, IO_FAULTS_DIRECTORY: directory, IO_FAULTS_CONTROL: control };
    return new IoFaults(openSync(control, 'r+'), env);
  }

  /** From now on calls are counted anew, and the n-th fails, or so many from the n-th on. 0: none does. */
  arm(n: number, fault: Fault, calls: Calls = 'changes', inARow = 1): void {
    const head = Buffer.alloc(HEAD_BYTES);
    // Disarmed while the rest is not there yet.
    writeSync(this.file, head, 0, HEAD_BYTES, 0);
    head.writeBigInt64LE(HOW[fault], 16);
    head.writeBigInt64LE(WHICH[calls], 24);
    head.writeBigInt64LE(BigInt(inARow), 40);
    writeSync(this.file, head, 0, HEAD_BYTES, 0);
    head.writeBigInt64LE(BigInt(n), 8);
    writeSync(this.file, head, 8, 8, 8);
  }

  /** No call fails any more. */
  disarm(): void {
    this.arm(0, 'EIO');
  }

  /** Calls counted since it was armed. */
  get calls(): number {
    return Number(this.read().readBigInt64LE(0));
  }

  /** The call that was struck since it was armed, undefined where none was. */
  get struck(): Strike | undefined {
    const control = this.read();
    if (control.readBigInt64LE(32) === 0n) return undefined;
    const text = (from: number): string => control.toString('utf8', from, control.indexOf(0, from));
    return { call: text(48), path: text(72) };
  }

  close(): void {
    fsyncSync(this.file);
    closeSync(this.file);
  }

  private read(): Buffer {
    const control = Buffer.alloc(CONTROL_BYTES);
    readSync(this.file, control, 0, CONTROL_BYTES, 0);
    return control;
  }
}
