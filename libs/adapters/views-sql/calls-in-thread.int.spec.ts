import { EventEmitter } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import {
  viewEvolutionContract,
  viewFoldContract,
  viewQueriesContract,
  viewTablesContract,
  type ViewTablesSubject,
} from '#libs/core/streams/testing';
import { SqliteViewTables } from './sqlite-view-tables.js';
import { AskingInThread, type SqliteThreadData } from './calls-in-thread.js';
import { SqliteReader } from './sqlite-reader.js';
import { SqliteWriter } from './sqlite-writer.js';
import { replyOf, type ThreadRequest } from './thread-calls.js';

/** What the thread does, in this one: all that passes is cloned, but memory that is handed on, and comes a turn later. */
class ClonedThread extends EventEmitter {
  readonly #connection: SqliteWriter | SqliteReader;

  constructor({ path, writes }: SqliteThreadData) {
    super();
    this.#connection = writes ? new SqliteWriter(path) : new SqliteReader(path);
  }

  postMessage(message: unknown, moved: readonly ArrayBuffer[] = []): void {
    const request = structuredClone(message, { transfer: [...moved] }) as ThreadRequest | 'close';
    setImmediate(() => {
      if (request !== 'close') this.emit('message', structuredClone(replyOf(this.#connection, request)));
      else this.end();
    });
  }

  end(): void {
    this.#connection.close();
    this.emit('exit');
  }
}

async function open(): Promise<ViewTablesSubject> {
  const directory = await mkdtemp(join(tmpdir(), 'weir-views-'));
  const path = join(directory, 'views.sqlite');
  const opened = () => new SqliteViewTables(path, undefined, (data) => new ClonedThread(data));
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

viewTablesContract('SQLite in threads', open);
viewQueriesContract('SQLite in threads', open);
viewFoldContract('SQLite in threads', open);
viewEvolutionContract('SQLite in threads', open);

describe('a thread of view tables', () => {
  it('fails what it was asked when it ends, and is replaced for what comes next', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'weir-views-'));
    const path = join(directory, 'views.sqlite');
    const started: ClonedThread[] = [];
    const writing = new AskingInThread<SqliteWriter>(() => {
      const thread = new ClonedThread({ path, writes: true });
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
