import { Worker } from 'node:worker_threads';

/**
 * What is wrong with a database that nobody has open, in words; empty for a sound one. Looked at in a thread of its own, since SQLite stops its caller meanwhile. A write-ahead log beside it is
 * copied into it, so it should be a copy.
 */
export function inspectDatabase(path: string): Promise<readonly string[]> {
  const thread = new Worker(new URL('./database-check-thread.js', import.meta.url), { workerData: path });
  return new Promise((resolve, reject) => {
    thread.once('message', resolve);
    thread.once('error', reject);
    thread.once('exit', () => reject(new Error('the thread that checks a database ended without an answer')));
  });
}
