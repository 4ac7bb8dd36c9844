import { Counter, Gauge, Histogram, Registry } from 'prom-client';

/** Every metric of the product begins with it. */
const PREFIX = 'weir_';

/** Seconds, from a tenth of a millisecond to ten. */
const DURATION_BUCKETS = [0.0001, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** Label values by name. */
export type Labels = Readonly<Record<string, string>>;

/** A value of a gauge that is asked for when the metrics are read. */
export interface Sample {
  readonly labels?: Labels;
  readonly value: number;
}

export interface Count {
  add(by: number, labels?: Labels): void;
}

export interface Timing {
  observe(seconds: number, labels?: Labels): void;
}

/**
 * The metrics of one service, in Prometheus' text format. Names are given without the prefix, in base units, with `_total` for counters. Label values are
 * names of things the service knows; never free text of users beyond topic, subject and view names.
 */
export class Metrics {
  readonly #registry = new Registry();

  counter(name: string, help: string, labels: readonly string[] = []): Count {
    const counter = new Counter({ name: PREFIX + name, help, labelNames: [...labels], registers: [this.#registry] });
    return { add: (by, values) => (values === undefined ? counter.inc(by) : counter.inc(values, by)) };
  }

  histogram(
    name: string,
    help: string,
    labels: readonly string[] = [],
    buckets: readonly number[] = DURATION_BUCKETS,
  ): Timing {
    const histogram = new Histogram({
      name: PREFIX + name,
      help,
      labelNames: [...labels],
      buckets: [...buckets],
      registers: [this.#registry],
    });
    return {
      observe: (seconds, values) =>
        values === undefined ? histogram.observe(seconds) : histogram.observe(values, seconds),
    };
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
