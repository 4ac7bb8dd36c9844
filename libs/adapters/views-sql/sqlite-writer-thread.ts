import { parentPort, workerData } from 'node:worker_threads';
import { SqliteWriter } from './sqlite-writer.js';
import { replyOf, type WriterRequest } from './sqlite-writing.js';

/** Where the thread that writes view tables begins. */
const writer = new SqliteWriter(String(workerData));

parentPort!.on('message', (request: WriterRequest | 'close') => {
  if (request !== 'close') return parentPort!.postMessage(replyOf(writer, request));
  writer.close();
  parentPort!.close();
});
