import { Counter, Gauge, Registry } from 'prom-client';
import { Histogram, type Labels, type Timing } from './histogram.js';

/** Every metric of the product begins with it. */
const PREFIX = 'weir_';

/** Seconds, from a tenth of a millisecond to ten. */
const DURATION_BUCKETS = [0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** A value of a gauge that is asked for when the metrics are read. */
export interface Sample {
  readonly labels?: Labels;
  readonly value: number;
}

/** What is counted under one set of label values. */
export interface Count {
  add(by: number): void;
}

/** Counts by label values. */
export interface Counts extends Count {
  /** The count of these label values. Asking takes a while, counting does not: keep it where it is counted often. */
  of(labels: Labels): Count;
}

/** Durations by label values. */
export interface Timings extends Timing {
  /** The durations of these label values; to be kept like {@link Counts.of}. */
  of(labels: Labels): Timing;
}

/**
 * The metrics of one service, in Prometheus' text format. Names are given without the prefix, in base units, with `_total` for counters. Label values are
 * names of things the service knows; never free text of users beyond topic, subject and view names.
 */
export class Metrics {
  readonly #registry = new Registry();

  counter(name: string, help: string, labels: readonly string[] = []): Counts {
    /** Counted since the metrics were read last: prom-client looks its labels up anew each time, so it is told only then. */
    const held = new Map<string, { readonly values: Labels; by: number }>();
    const counter: Counter = new Counter({
      name: PREFIX + name,
      help,
      labelNames: [...labels],
      registers: [this.#registry],
      collect: () => {
        for (const one of held.values()) {
          counter.inc(one.values, one.by);
          one.by = 0;
        }
      },
    });
    const of = (values: Labels): Count => {
      const key = JSON.stringify(labels.map((label) => values[label]));
      const count = held.get(key) ?? { values, by: 0 };
      held.set(key, count);
      return { add: (by) => void (count.by += by) };
    };
    return { of, add: (by) => counter.inc(by) };
  }

  histogram(
    name: string,
    help: string,
    labels: readonly string[] = [],
    buckets: readonly number[] = DURATION_BUCKETS,
  ): Timings {
    const histogram = new Histogram(PREFIX + name, help, labels, buckets);
    this.#registry.registerMetric(histogram.metric);
    return { of: (values) => histogram.series(values), observe: (seconds) => histogram.series({}).observe(seconds) };
  }

  /** A gauge whose samples are taken at each reading. A reading that fails leaves the gauge empty and the others as they are. */
  gauge(
    name: string,
    help: string,
    labels: readonly string[],
    read: () => readonly Sample[] | Promise<readonly Sample[]>,
  ): void {
    const gauge: Gauge = new Gauge({
      name: PREFIX + name,
      help,
      labelNames: [...labels],
      registers: [this.#registry],
      collect: async () => {
        gauge.reset();
        // Without labels a reset gauge has the value 0, which nobody has measured.
        if (labels.length === 0) gauge.remove();
        const samples = await Promise.resolve()
          .then(read)
          .catch(() => []);
        for (const sample of samples) gauge.set(sample.labels ?? {}, sample.value);
      },
    });
  }

  get contentType(): string {
    return this.#registry.contentType;
  }

  /** The text Prometheus reads. */
  render(): Promise<string> {
    return this.#registry.metrics();
  }
}
