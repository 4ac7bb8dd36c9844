import { AppError, type Clock } from '#libs/core/kernel';
import type { TopicNames } from '#libs/core/log';
import { closingOf, isRead } from './source-reader.js';

/** A reader of ours (a view, a derivation) that stands in a generation of a topic, and its next offsets there. */
export interface ReaderOn {
  /** For people: `view departures`. */
  readonly name: string;
  readonly next: readonly number[];
}

/** Who reads a generation of a logical topic. */
export type ReadersOn = (cluster: string, topic: string, generation: number) => Promise<readonly ReaderOn[]>;

/** What waiting for readers needs. */
export interface ReadersWait {
  readonly names: TopicNames;
  readonly clock: Clock;
  /** Readers of ours, who must not lose a generation they still read. Nobody unless given. */
  readonly readersOn?: ReadersOn | undefined;
  /** Who reads it past this service, by name for people. Nobody unless given. */
  readonly others?: (() => Promise<readonly string[]>) | undefined;
  /** Longest wait for them, in ms; 10 s unless given. */
  readonly readersMs?: number | undefined;
}

/** A generation of a logical topic. */
export interface TopicGeneration {
  readonly logId: string;
  readonly cluster: string;
  readonly topic: string;
  readonly generation: number;
}

const PAUSE_MS = 50;
/** Others are asked of a cluster. */
const OTHERS_PAUSE_MS = 500;
const READERS_MS = 10_000;

/**
 * Waits until no reader of ours needs a generation that is about to be deleted: each has read it to where it was closed. And until nobody else reads it.
 * @throws `readers-behind`, naming them, when they take too long.
 */
export async function readersGone(
  { names, clock, readersOn = () => Promise.resolve([]), others, readersMs = READERS_MS }: ReadersWait,
  { logId, cluster, topic, generation }: TopicGeneration,
  signal: AbortSignal,
): Promise<void> {
  const deadline = clock.monotonic() + readersMs;
  for (;;) {
    const row = await names.find(logId, topic);
    const behind = (await readersOn(cluster, topic, generation)).filter(
      ({ next }) => !isRead({ generation, next }, closingOf(row, { generation, next })),
    );
    const besides = behind.length > 0 ? [] : ((await others?.()) ?? []);
    const named = [...behind.map((reader) => reader.name), ...besides];
    if (named.length === 0) return;
    if (clock.monotonic() > deadline) throw readersBehind(topic, generation, named);
    await clock.sleep(besides.length > 0 ? OTHERS_PAUSE_MS : PAUSE_MS, signal);
  }
}

function readersBehind(topic: string, generation: number, readers: readonly string[]): AppError {
  return new AppError({
    kind: 'conflict',
    code: 'readers-behind',
    message: `Generation ${generation} of '${topic}' is still being read by ${readers.join(', ')}; nothing was deleted.`,
    hint: 'Resume views and derivations and wait until they have caught up, or delete them; have members of groups go on under the present name of the topic; then finish again.',
    details: { topic, generation, readers },
  });
}
