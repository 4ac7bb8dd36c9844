import { parentPort, workerData } from 'node:worker_threads';
import { databaseProblems } from './database-check.js';

/** The thread of `inspectDatabase`: one look, one answer. */
parentPort?.postMessage(databaseProblems(workerData as string));
