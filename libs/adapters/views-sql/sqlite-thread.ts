import { parentPort, workerData } from 'node:worker_threads';
import type { SqliteThreadData } from './calls-in-thread.js';
import { SqliteReader } from './sqlite-reader.js';
import { SqliteWriter } from './sqlite-writer.js';
import { replyOf, type ThreadRequest } from './thread-calls.js';

/** Where a thread begins that reads or writes view tables. */
const { path, writes } = workerData as SqliteThreadData;
const connection = writes ? new SqliteWriter(path) : new SqliteReader(path);

parentPort!.on('message', (request: ThreadRequest | 'close') => {
  if (request !== 'close') return parentPort!.postMessage(replyOf(connection, request));
  connection.close();
  parentPort!.close();
});
