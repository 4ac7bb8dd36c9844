import { runSqlJob } from './sqlite-sql-job.js';
import type { SqlJob } from './sqlite-sql-protocol.js';

/** Where a process for one statement begins: one job, one answer, and it ends. */
process.once('message', (job) => {
  process.send?.(runSqlJob(job as SqlJob), () => process.disconnect());
});
