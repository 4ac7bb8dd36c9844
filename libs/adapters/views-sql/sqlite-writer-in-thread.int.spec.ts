import { EventEmitter } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { viewFoldContract, viewTablesContract, type ViewTablesSubject } from '#libs/core/streams/testing';
import { SqliteViewTables } from './sqlite-view-tables.js';
import { SqliteWriter } from './sqlite-writer.js';
import { WritingInThread } from './sqlite-writer-in-thread.js';
import { replyOf, type WriterRequest } from './sqlite-writing.js';

/** What the thread does, in this one: all that passes is cloned, and comes a turn later. */
class ClonedThread extends EventEmitter {
  readonly #writer: SqliteWriter;

  constructor(path: string) {
    super();
    this.#writer = new SqliteWriter(path);
  }

  postMessage(message: unknown): void {
    const request = structuredClone(message) as WriterRequest | 'close';
    setImmediate(() => {
      if (request !== 'close') this.emit('message', structuredClone(replyOf(this.#writer, request)));
      else this.end();
    });
  }

  end(): void {
    this.#writer.close();
    this.emit('exit');
  }
}

async function open(): Promise<ViewTablesSubject> {
  const directory = await mkdtemp(join(tmpdir(), 'weir-views-'));
  const path = join(directory, 'views.sqlite');
  const opened = () =>
    new SqliteViewTables(path, undefined, () => new WritingInThread(path, () => new ClonedThread(path)));
  let tables = opened();
  return {
    tables,
    reopen: async () => {
      await tables.close();
      return (tables = opened());
    },
    dispose: async () => {
      await tables.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}

viewTablesContract('SQLite, written in a thread', open);
viewFoldContract('SQLite, written in a thread', open);

describe('a thread that writes view tables', () => {
  it('fails what it was asked when it ends, and is replaced for what comes next', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'weir-views-'));
    const path = join(directory, 'views.sqlite');
    const started: ClonedThread[] = [];
    const writing = new WritingInThread(path, () => {
      const thread = new ClonedThread(path);
      started.push(thread);
      return thread;
    });
    try {
      expect(await writing.ask('list')).toEqual([]);
      const asked = [1, 2].map(() => writing.ask('list'));
      started[0]!.removeAllListeners('message');
      started[0]!.end();
      for (const one of asked) await expect(one).rejects.toMatchObject({ code: 'views-unavailable', retryable: true });
      expect(await writing.ask('list')).toEqual([]);
      expect(started).toHaveLength(2);
      await writing.close();
      await expect(writing.ask('list')).rejects.toMatchObject({ code: 'views-unavailable' });
    } finally {
      await rm(directory, { recursive: true, force: true });
    }
  });
});
