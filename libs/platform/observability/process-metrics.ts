import { monitorEventLoopDelay } from 'node:perf_hooks';
import type { Metrics } from './metrics.js';

const QUANTILES = [50, 99, 100];

/** What is known of every process: version, memory, and how late the event loop is. @returns what ends the measuring. */
export function installProcessMetrics(metrics: Metrics, version: string): () => void {
  metrics.gauge('build_info', 'Version that runs; the value is always 1.', ['version', 'node'], () => [
    { labels: { version, node: process.versions.node }, value: 1 },
  ]);
  metrics.gauge('process_resident_memory_bytes', 'Memory of the process.', [], () => [
    { value: process.memoryUsage.rss() },
  ]);
  metrics.gauge('process_heap_bytes', 'JavaScript heap in use.', [], () => [{ value: process.memoryUsage().heapUsed }]);
  metrics.gauge(
    'process_heap_reserved_bytes',
    'What the JavaScript heap takes of memory, free room in it included.',
    [],
    () => [{ value: process.memoryUsage().heapTotal }],
  );
  metrics.gauge('process_buffers_bytes', 'Buffers in use, which lie outside of the JavaScript heap.', [], () => [
    { value: process.memoryUsage().external },
  ]);
  metrics.gauge('process_uptime_seconds', 'Time since the start.', [], () => [{ value: process.uptime() }]);
  const delay = monitorEventLoopDelay({ resolution: 20 });
  delay.enable();
  metrics.gauge('event_loop_delay_seconds', 'How late timers fire, since the last reading.', ['quantile'], () => {
    const samples = QUANTILES.map((quantile) => ({
      labels: { quantile: String(quantile / 100) },
      value: Math.max(0, delay.percentile(quantile) / 1e9 - 0.02),
    }));
    delay.reset();
    return samples;
  });
  return () => delay.disable();
}
