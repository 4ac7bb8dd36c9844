import { setTimeout as wait } from 'node:timers/promises';
import type { TopicDescription } from '#libs/core/log';
import { logCorrupt } from './errors.js';
import type { FileSystem } from './file-system.js';
import { topicsOf } from './log-cut.js';
import { readMarker } from './log-directory.js';
import { LogState } from './log-state.js';
import { NodeFileSystem } from './node-file-system.js';
import { EMBEDDED_LOG_SETTINGS } from './options.js';
import { SegmentReader } from './segment-reader.js';
import { SegmentStore } from './segment-store.js';
import { readSnapshot } from './state-snapshot.js';

/** What was found in a log that nobody has open. */
export interface InspectedLog {
  readonly logId: string;
  readonly topics: readonly TopicDescription[];
  /** What is not as it was written, in words; empty for a sound log. */
  readonly problems: readonly string[];
}

/** Problems that are told at most. */
const MOST_PROBLEMS = 100;

/**
 * Reads a whole log that was left clean, from end to end: every checksum of a batch, that offsets follow each other, and that each batch belongs where it lies. Changes
 * nothing. `pace` is called before each segment with its bytes; within it, disk and thread are left to others for as long as they are taken up.
 * @throws `log-format-unknown`, `log-directory-foreign`, `log-corrupt` where its state cannot be read.
 */
export async function inspectLog(
  directory: string,
  pace: (bytes: number) => Promise<void>,
  files: FileSystem = new NodeFileSystem(),
): Promise<InspectedLog> {
  const marker = await readMarker(files, directory);
  if (marker === undefined) throw logCorrupt('its marker file is missing', { directory });
  const { clean, state: image } = await readSnapshot(files, directory);
  if (!clean) throw logCorrupt('it was not left clean, and has a journal of its own', { directory });
  const state = LogState.restore(marker.logId, EMBEDDED_LOG_SETTINGS.producerExpirationMs, image);
  const failed = (): void => undefined; // Nothing is written, so no flush can fail.
  const store = new SegmentStore(files, directory, 16, failed);
  const reader = new SegmentReader(store, 0, EMBEDDED_LOG_SETTINGS.indexIntervalBytes);
  const problems: string[] = [];
  try {
    for (const topic of state.topics.values()) {
      for (const [number, partition] of topic.partitions.entries()) {
        for (const segment of partition.segments) {
          if (partition.degradedAt !== undefined || problems.length === MOST_PROBLEMS) continue;
          await pace(segment.sizeBytes);
          const soundUpTo = await reader.soundUpTo(segment, rests());
          if (soundUpTo === segment.nextOffset) continue;
          problems.push(`${topic.name}/${number} is damaged from offset ${soundUpTo} on`);
        }
      }
    }
  } finally {
    await store.handles.closeAll(false);
  }
  return { logId: marker.logId, topics: topicsOf(state), problems };
}

/** Waits, each time it is called, for as long as has passed since the wait before. */
function rests(): () => Promise<void> {
  let since = performance.now();
  return async () => {
    await wait(performance.now() - since);
    since = performance.now();
  };
}
