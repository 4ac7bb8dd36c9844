import { setPriority } from 'node:os';
import { parentPort } from 'node:worker_threads';
import type { CompactionAnswer, CompactionRequest } from './compaction-thread.js';
import { CompactionFold } from './compaction-work.js';

/** Compaction gives way to whoever waits for an answer. */
const NICENESS = 10;

/** Where the compaction thread begins. On Linux a thread has a priority of its own; elsewhere this would be the priority of the process. */
if (process.platform === 'linux') setPriority(0, NICENESS);
const fold = new CompactionFold();

parentPort!.on('message', (request: CompactionRequest) => {
  let answer: CompactionAnswer;
  try {
    answer = { value: answerTo(request) };
  } catch (error) {
    answer = { failure: error instanceof Error ? error.message : String(error) };
  }
  parentPort!.postMessage(answer);
});

function answerTo(request: CompactionRequest): unknown {
  switch (request.do) {
    case 'begin':
      return fold.begin(request.order);
    case 'note':
      return fold.note(request.batches);
    case 'known':
      return fold.known();
    case 'compact':
      return fold.compact(request.batches, request.keepLast);
    case 'end':
      return fold.end();
  }
}
