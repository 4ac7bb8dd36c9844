import type { Metric } from 'prom-client';

/** Label values by name. */
export type Labels = Readonly<Record<string, string>>;

/** Where observations of one set of label values go. */
export interface Timing {
  observe(seconds: number): void;
}

/** One set of label values. `counts[i]` are observations that fell into bucket i and into none before it; the last place is +Inf. */
class Series implements Timing {
  readonly counts: number[];
  sum = 0;

  constructor(
    readonly labels: Labels,
    private readonly bounds: readonly number[],
  ) {
    this.counts = new Array<number>(bounds.length + 1).fill(0);
  }

  observe(seconds: number): void {
    const { bounds } = this;
    let bucket = 0;
    while (bucket < bounds.length && seconds > bounds[bucket]!) bucket++;
    this.counts[bucket]!++;
    this.sum += seconds;
  }
}

/**
 * A histogram in the form that prom-client's registry prints. prom-client's own works out and hashes the label values at every observation, which for the
 * quickest routes takes longer than the answer; here a caller asks for its series once and then only counts.
 */
export class Histogram {
  readonly #series = new Map<string, Series>();

  constructor(
    private readonly name: string,
    private readonly help: string,
    private readonly labelNames: readonly string[],
    private readonly bounds: readonly number[],
  ) {
    if (labelNames.length === 0) this.series({});
  }

  /** The series of these label values; the same one each time. */
  series(labels: Labels): Timing {
    const key = JSON.stringify(this.labelNames.map((name) => labels[name]));
    let series = this.#series.get(key);
    if (series === undefined) this.#series.set(key, (series = new Series(labels, this.bounds)));
    return series;
  }

  /** For `Registry.registerMetric`, which reads `name` and calls `get`. */
  get metric(): Metric {
    const { name, help } = this;
    return {
      name,
      get: async () => ({ name, help, type: 'histogram', aggregator: 'sum', values: this.#values() }),
    } as unknown as Metric;
  }

  #values(): object[] {
    const values: object[] = [];
    for (const { labels, counts, sum } of this.#series.values()) {
      let count = 0;
      for (const [bucket, more] of counts.entries()) {
        count += more;
        const le = this.bounds[bucket] ?? '+Inf';
        values.push({ labels: { le, ...labels }, value: count, metricName: `${this.name}_bucket` });
      }
      values.push({ labels, value: sum, metricName: `${this.name}_sum` });
      values.push({ labels, value: count, metricName: `${this.name}_count` });
    }
    return values;
  }
}
