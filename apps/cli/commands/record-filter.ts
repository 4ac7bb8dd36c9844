import type { Failure } from '../failure.js';
import { usage } from '../failure.js';

/** A record as the service shows it. */
export interface ShownRecord {
  readonly partition: number;
  readonly offset: string;
  readonly [member: string]: unknown;
}

/** What `--filter` asks for: what the service compares by itself, and conditions that are answered here. */
export interface RecordFilter {
  /** For the service: `value.country=NO`. */
  readonly equalities: readonly string[];
  /** Undefined where the service judges everything. */
  readonly fits: ((record: ShownRecord) => boolean) | undefined;
  /** What was said of records that a condition had no answer for, and of how many; they do not fit. */
  readonly unanswered: () => { readonly records: number; readonly why: string };
}

/** One equality sign behind a name, as the service has it; everything else is CEL. */
const EQUALITY = /^(?:key|value|header)(?:[.[][^=!<>()"'\s]*)?=(?!=)/;

/**
 * Filters as they were given; all of them must hold. The service compares members and headers with texts. What is more than that is CEL over `key`, `value`, `headers`, `timestamp`, `partition` and `offset`,
 * as the transforms of migrations see them, and is answered here: the service runs no code for whoever reads.
 * @throws Failure for what is neither.
 */
export async function recordFilter(given: readonly string[]): Promise<RecordFilter> {
  const equalities = given.filter((one) => EQUALITY.test(one));
  const conditions = given.filter((one) => !EQUALITY.test(one));
  if (conditions.length === 0) return { equalities, fits: undefined, unanswered: () => ({ records: 0, why: '' }) };
  const { condition } = await import('../policies/expression.js');
  const ready = conditions.map((source) => {
    try {
      return condition(source, VARIABLES);
    } catch (error) {
      throw conditionInvalid(source, error);
    }
  });
  const unanswered = { records: 0, why: '' };
  return {
    equalities,
    fits: (record) => {
      try {
        return ready.every((holds) => holds(seen(record)));
      } catch (error) {
        unanswered.records++;
        unanswered.why = reasonOf(error);
        return false;
      }
    },
    unanswered: () => ({ ...unanswered }),
  };
}

const VARIABLES = ['key', 'value', 'headers', 'timestamp', 'partition', 'offset'];

function seen({ key, value, headers, timestamp, partition, offset }: ShownRecord): Readonly<Record<string, unknown>> {
  const pairs = (headers ?? []) as readonly { readonly key: string; readonly value: unknown }[];
  return {
    key: key ?? null,
    value: value ?? null,
    headers: Object.fromEntries(pairs.map((one) => [one.key, one.value])),
    timestamp,
    partition,
    offset: Number(offset),
  };
}

function conditionInvalid(source: string, error: unknown): Failure {
  return usage(
    'condition-invalid',
    `'${source}' (--filter) is no condition: ${reasonOf(error)}.`,
    "Write value.country=NO, or CEL as 'value.total > 100 && has(value.country)'.",
  );
}

function reasonOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).replace(/\.$/, '');
}
