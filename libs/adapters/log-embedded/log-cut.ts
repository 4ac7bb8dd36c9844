import type { FixedFile, FixedPart } from '#libs/core/kernel';
import type { TopicDescription } from '#libs/core/log';
import { encodeOffsetIndex, encodeTimeIndex, OFFSET_ENTRY_BYTES, TIME_ENTRY_BYTES } from './kafka-indexes.js';
import { MARKER, type SegmentFile } from './log-directory.js';
import { describeTopic, type LogState } from './log-state.js';
import type { Segment } from './segment.js';
import type { SegmentStore } from './segment-store.js';
import { encodeSidecarEntries, encodeSidecarHeader, SIDECAR_ENTRY_BYTES, SIDECAR_HEADER_BYTES } from './sidecar.js';
import { encodeSnapshot } from './state-snapshot.js';

/** The log at one moment, as the files of a directory that can be opened: everything acknowledged before, nothing after. */
export interface LogCut {
  readonly logId: string;
  readonly topics: readonly TopicDescription[];
  /** Without a journal: the state says that it was left clean. */
  readonly files: readonly FixedFile[];
  /** Lets go of the files. Until then none of them is removed. Harmless to repeat. */
  release(): void;
}

/** A fresh journal begins here. */
const FIRST_PLACE = { generation: 1, startLsn: 0 };

/**
 * The files of the state as of now. To be called between groups: then segments hold all their visible bytes, which never change. Index entries that
 * are in memory yet are taken along.
 */
export function filesOf(directory: string, marker: Uint8Array, state: LogState, store: SegmentStore): FixedFile[] {
  const image = state.image();
  const topics = image.topics.map((topic) => ({
    ...topic,
    partitions: topic.partitions.map(({ dropped: _, ...partition }) => partition),
  }));
  const snapshot = encodeSnapshot({ journal: FIRST_PLACE, clean: true, state: { ...image, topics, dropped: [] } });
  const files: FixedFile[] = [
    { path: MARKER, parts: [{ memory: marker }] },
    { path: 'state-0', parts: [{ memory: snapshot }] },
    { path: 'state-1', parts: [{ memory: snapshot }] },
  ];
  for (const partition of state.partitions()) {
    for (const segment of partition.segments) {
      for (const [ending, parts] of partsOf(segment, store)) {
        const path = store.path(segment.binding, segment.baseOffset, ending).slice(directory.length + 1);
        const isSealed = ending === 'log' && segment !== partition.active && partition.degradedAt === undefined;
        files.push({ path, parts, ...(isSealed ? { seal: sealOf(segment) } : {}) });
      }
    }
  }
  return files;
}

/** The topics of the state as the port shows them. */
export function topicsOf(state: LogState): TopicDescription[] {
  return [...state.topics.values()].map(describeTopic).sort((a, b) => (a.name < b.name ? -1 : 1));
}

function sealOf({ sizeBytes, nextOffset, chain }: Segment): string {
  return `${sizeBytes}-${nextOffset}-${chain}`;
}

function partsOf(segment: Segment, store: SegmentStore): [SegmentFile, FixedPart[]][] {
  const { binding, baseOffset, sizeBytes, tail, written } = segment;
  const onDisk = (ending: SegmentFile, bytes: number): FixedPart[] =>
    bytes === 0 ? [] : [{ file: store.path(binding, baseOffset, ending), bytes }];
  const found: [SegmentFile, FixedPart[]][] = [['log', onDisk('log', sizeBytes)]];
  const { count } = tail.waypoints;
  if (written.waypoints + count > 0) {
    const entries = encodeSidecarEntries(binding, tail.waypoints, 0, count);
    const before: FixedPart[] =
      written.waypoints === 0
        ? [{ memory: encodeSidecarHeader(binding) }]
        : onDisk('sidecar', SIDECAR_HEADER_BYTES + written.waypoints * SIDECAR_ENTRY_BYTES);
    found.push(['sidecar', [...before, { memory: entries }]]);
  }
  const offsets = tail.offsetEntries.length / 2;
  if (written.offsetEntries + offsets > 0) {
    const more = { memory: encodeOffsetIndex(tail.offsetEntries, offsets) };
    found.push(['index', [...onDisk('index', written.offsetEntries * OFFSET_ENTRY_BYTES), more]]);
  }
  const times = tail.timeEntries.length / 2;
  if (written.timeEntries + times > 0) {
    const more = { memory: encodeTimeIndex(tail.timeEntries, times) };
    found.push(['timeindex', [...onDisk('timeindex', written.timeEntries * TIME_ENTRY_BYTES), more]]);
  }
  return found;
}
