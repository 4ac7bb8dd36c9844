export { Health, type CheckResult, type Readiness, type ReadinessCheck } from './health.js';
export { installByteMetrics, installHttpMetrics, installRequestLog } from './http-metrics.js';
export {
  createLogger,
  factsLogger,
  nestLogger,
  type FactsLogger,
  type Logger,
  type LoggingSettings,
} from './logger.js';
export type { Labels, Timing } from './histogram.js';
export { Metrics, type Count, type Counts, type Sample, type Timings } from './metrics.js';
export { ObservabilityModule } from './observability.module.js';
export { installProcessMetrics } from './process-metrics.js';
export { SystemClock } from './system-clock.js';
