import { setPriority } from 'node:os';
import { parentPort, workerData } from 'node:worker_threads';
import { requireNoCodeFromStrings } from '#libs/adapters/worker-threads';
import { LocalSchemaEngine, standardFormats } from '#libs/core/schema';
import { SchemaWorker } from './schema-worker.js';

/** Work on schemas gives way to the thread that answers everybody. Small, so that a machine busy with other things still judges within the deadline. */
const NICENESS = 5;

/** Where a worker thread begins. */
requireNoCodeFromStrings();
// On Linux a thread has a priority of its own (setpriority(2), "C library/kernel differences"); elsewhere this would be the priority of the process.
if (process.platform === 'linux') setPriority(0, NICENESS);
const { cacheBytes } = workerData as { readonly cacheBytes: number };
new SchemaWorker(parentPort!, new LocalSchemaEngine(standardFormats(), { cacheBytes }));
