import { parentPort } from 'node:worker_threads';
import { requireNoCodeFromStrings } from '#libs/adapters/worker-threads';
import { fixTime } from './fixed-time.js';
import { TransformWorker } from './transform-worker.js';

/** Where a thread for transforms begins. */
requireNoCodeFromStrings();
fixTime();
new TransformWorker(parentPort!);
