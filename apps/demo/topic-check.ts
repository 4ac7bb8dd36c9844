import type { Api } from './api.js';
import type { Flight } from './flights.js';

interface ReadPage {
  readonly records: readonly {
    readonly partition: number;
    readonly key: string;
    readonly value: { readonly number: number };
  }[];
  readonly next: string;
  readonly atEnd: boolean;
}

export interface TopicCheck {
  readonly records: number;
  readonly lost: number;
  readonly repeated: number;
  /** Records that come before an earlier one of the same route. */
  readonly reordered: number;
  /** Keys found in more than one partition, or other than expected. */
  readonly misplaced: number;
}

/** Reads a topic from its start and holds it against what was acknowledged: nothing lost, repeated, reordered or misplaced. */
export async function checkTopic(
  api: Api,
  topic: string,
  acknowledged: readonly number[],
  flights: readonly Flight[],
  keyOf: (flight: Flight) => string,
  progress: (done: number) => void,
): Promise<TopicCheck> {
  const seen = new Set<number>();
  const partitionOfKey = new Map<string, number>();
  const lastOfRoute = new Map<string, number>();
  let records = 0;
  let repeated = 0;
  let reordered = 0;
  let misplaced = 0;
  let query = 'from=start';
  for (;;) {
    const page = await api.get<ReadPage>(`/v1/topics/${topic}/records?${query}&limit=10000`);
    for (const { partition, key, value } of page.records) {
      const flight = flights[value.number]!;
      records++;
      if (seen.has(value.number)) repeated++;
      seen.add(value.number);
      const route = `${flight.origin}-${flight.destination}`;
      if ((lastOfRoute.get(route) ?? -1) > value.number) reordered++;
      lastOfRoute.set(route, value.number);
      if (key !== keyOf(flight) || (partitionOfKey.get(key) ?? partition) !== partition) misplaced++;
      partitionOfKey.set(key, partition);
    }
    progress(records);
    if (page.atEnd) break;
    query = `cursor=${page.next}`;
  }
  const lost = acknowledged.filter((number) => !seen.has(number)).length;
  return { records, lost, repeated, reordered, misplaced };
}
