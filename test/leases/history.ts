/** What workers under leases saw, in the order in which it happened. Records are named `partition/offset`. */
export type LeaseEvent =
  /** Handed to a worker. */
  | { readonly kind: 'given'; readonly record: string }
  /** A worker asked for it to be acknowledged; whether it was may never be known. */
  | { readonly kind: 'asked'; readonly record: string }
  /** The service said that it is acknowledged. */
  | { readonly kind: 'told'; readonly record: string }
  /** A committed position, as anybody can read it. */
  | { readonly kind: 'position'; readonly partition: number; readonly offset: number };

/** What in a history breaks the promises of leases: a position that passed a record nobody acknowledged, an acknowledged record that came again, a record that never came. */
export function breachesOf(history: readonly LeaseEvent[], records: readonly string[]): readonly string[] {
  const [given, asked, told] = [new Set<string>(), new Set<string>(), new Set<string>()];
  const breaches: string[] = [];
  for (const event of history) {
    if (event.kind === 'position') {
      for (let offset = 0; offset < event.offset; offset++) {
        const record = `${event.partition}/${offset}`;
        if (!asked.has(record)) breaches.push(`position ${event.offset} of ${event.partition} passed ${record}`);
      }
      continue;
    }
    if (event.kind === 'given' && told.has(event.record)) breaches.push(`${event.record} came again`);
    ({ given, asked, told })[event.kind].add(event.record);
  }
  for (const record of records) if (!given.has(record)) breaches.push(`${record} never came`);
  return breaches;
}
