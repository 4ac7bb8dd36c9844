import { fork, type ChildProcess } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import {
  readingStatement,
  SQL_LIMITS,
  sqlBusy,
  sqlRefused,
  sqlTooLong,
  type SqlAnswer,
  type SqlRequest,
} from '#libs/core/streams';
import { readableSqliteViews } from './sqlite-readable.js';
import type { SqlJob, SqlReply } from './sqlite-sql-protocol.js';

/** Processes at the same time. */
const MOST_PROCESSES = 2;
/** Memory a process may take beyond which it is killed, and how often that is looked at. */
const MOST_RESIDENT_BYTES = 512 * 1024 * 1024;
const LOOK_MS = 100;
const PAGE_BYTES = 4_096;

/**
 * Statements of users on a SQLite file, each in a process of its own that is killed at its limits: a statement that runs cannot be interrupted otherwise, and in the process of the service
 * nothing else would be answered meanwhile.
 */
export class SqliteSql {
  readonly #running = new Set<ChildProcess>();

  constructor(
    private readonly path: string,
    private readonly script: URL = new URL('./sqlite-sql-process.js', import.meta.url),
  ) {}

  /** @throws `sql-not-allowed`, `sql-refused`, `sql-too-slow`, `sql-busy`. */
  async run({ statement, views, limit, timeoutMs }: SqlRequest, signal?: AbortSignal): Promise<SqlAnswer> {
    const job: SqlJob = {
      path: this.path,
      names: readableSqliteViews(views),
      statement: readingStatement(statement),
      limit: Math.min(limit, SQL_LIMITS.rows),
      bytes: SQL_LIMITS.bytes,
    };
    signal?.throwIfAborted();
    if (this.#running.size >= MOST_PROCESSES) throw sqlBusy(MOST_PROCESSES);
    const child = fork(this.script, {
      env: {},
      execArgv: ['--max-old-space-size=128'],
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      serialization: 'advanced',
    });
    this.#running.add(child);
    try {
      const reply = await replyOf(child, job, timeoutMs, signal);
      if ('refused' in reply) throw sqlRefused(reply.refused);
      return reply;
    } finally {
      this.#running.delete(child);
      child.kill('SIGKILL');
    }
  }

  /** Ends what is running. */
  close(): void {
    for (const child of this.#running) child.kill('SIGKILL');
  }
}

function replyOf(
  child: ChildProcess,
  job: SqlJob,
  timeoutMs: number,
  signal: AbortSignal | undefined,
): Promise<SqlReply> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => settle(() => reject(sqlTooLong(timeoutMs))), timeoutMs);
    const watch = setInterval(() => {
      void residentBytes(child.pid).then((bytes) => {
        if (bytes > MOST_RESIDENT_BYTES) settle(() => reject(sqlRefused('it took more memory than it may')));
      });
    }, LOOK_MS);
    const onAbort = (): void => settle(() => reject(signal!.reason as Error));
    const settle = (end: () => void): void => {
      clearTimeout(timer);
      clearInterval(watch);
      signal?.removeEventListener('abort', onAbort);
      child.removeAllListeners();
      // A late failure of the channel concerns nobody.
      child.on('error', () => undefined);
      end();
    };
    child.once('message', (reply) => settle(() => resolve(reply as SqlReply)));
    child.once('error', (error) => settle(() => reject(error)));
    child.once('exit', () =>
      settle(() => reject(sqlRefused('its process ended before it answered, most likely for want of memory'))),
    );
    signal?.addEventListener('abort', onAbort, { once: true });
    child.send(job);
  });
}

/** What the process has in memory; 0 where the system does not say. */
async function residentBytes(pid: number | undefined): Promise<number> {
  try {
    const pages = (await readFile(`/proc/${pid}/statm`, 'utf8')).split(' ')[1];
    return Number(pages) * PAGE_BYTES;
  } catch {
    return 0;
  }
}
