import { parentPort, workerData } from 'node:worker_threads';
import { LocalSchemaEngine, standardFormats } from '#libs/core/schema';
import { SchemaWorker } from './schema-worker.js';
import { requireNoCodeFromStrings } from './isolation.js';

/** Where a worker thread begins. */
requireNoCodeFromStrings();
const { cacheBytes } = workerData as { readonly cacheBytes: number };
new SchemaWorker(parentPort!, new LocalSchemaEngine(standardFormats(), { cacheBytes }));
