export { isolatedThread, requireNoCodeFromStrings, type IsolationOptions } from './isolation.js';
export {
  WorkerPool,
  type Job,
  type PoolCounts,
  type PoolFailures,
  type Thread,
  type WorkerPoolOptions,
} from './worker-pool.js';
