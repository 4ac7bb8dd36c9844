import { type Api, patiently, Refused } from './api.js';
import type { Flight } from './flights.js';

/** A key of a flight in the topic: one route, so that its flights keep their order. */
export const routeOf = (flight: Flight): string => `${flight.origin}-${flight.destination}`;

interface Produced {
  readonly results: readonly (
    { readonly partition: number; readonly offset: string } | { readonly error: { readonly code: string } }
  )[];
  readonly token: string | null;
}

/** A flight as the topic's schema wants it. */
export function recordOf(flight: Flight): { key: string; value: unknown; timestamp: number } {
  const { number, scheduled, delay, distance, origin, destination } = flight;
  return {
    key: routeOf(flight),
    value: { number, scheduled, origin, destination, distance, delay },
    timestamp: scheduled,
  };
}

/** Writes flights and remembers which were acknowledged. The only state the final check rests on. */
export class LiveWriter {
  readonly acknowledged: number[] = [];
  /** Flights of requests without an answer: written or not, nobody knows. */
  readonly uncertain: number[] = [];
  lastToken: string | null = null;
  /** Longest a request took, in ms: what a writer saw of a cutover. */
  slowestMs = 0;

  constructor(
    private readonly api: Api,
    private readonly topic: string,
  ) {}

  /** Writes flights in order, `batch` a request and `lanes` requests at a time over disjoint routes, so that the order of each route holds. */
  async writeAll(
    flights: readonly Flight[],
    batch: number,
    lanes: number,
    progress: (done: number) => void,
  ): Promise<void> {
    const byLane: Flight[][] = Array.from({ length: lanes }, () => []);
    for (const flight of flights) byLane[laneOf(routeOf(flight), lanes)]!.push(flight);
    let done = 0;
    await Promise.all(
      byLane.map(async (lane) => {
        for (let from = 0; from < lane.length; from += batch) {
          const part = lane.slice(from, from + batch);
          await this.write(part);
          progress((done += part.length));
        }
      }),
    );
  }

  /** Writes one request. A request that got no answer is not repeated, since that could write it twice. */
  async write(flights: readonly Flight[]): Promise<void> {
    const started = performance.now();
    try {
      const produced = await this.api.post<Produced>(`/v1/topics/${this.topic}/records`, {
        records: flights.map(recordOf),
      });
      produced.results.forEach((result, index) => {
        if ('error' in result) throw new Error(`a record was refused: ${result.error.code}`);
        this.acknowledged.push(flights[index]!.number);
      });
      this.lastToken = produced.token ?? this.lastToken;
    } catch (error) {
      if (error instanceof Refused && error.status !== 503) throw error;
      this.uncertain.push(...flights.map((flight) => flight.number));
      await patiently(() => this.api.get('/readyz'));
    } finally {
      this.slowestMs = Math.max(this.slowestMs, performance.now() - started);
    }
  }
}

function laneOf(text: string, lanes: number): number {
  let hash = 0;
  for (let i = 0; i < text.length; i++) hash = (hash * 31 + text.charCodeAt(i)) >>> 0;
  return hash % lanes;
}
