import { readBatchHeader } from '#libs/core/log';
import { decodeCommands } from './commands.js';
import { logCorrupt } from './errors.js';
import type { FileSystem } from './file-system.js';
import { JOURNAL_SLOTS, type JournalPlace, journalPath, slotOf } from './journal.js';
import { JOURNAL_HEAD_BYTES, readJournalHead } from './journal-file.js';
import { claimedGeneration, readEntryHeader, saltOf, type Section } from './journal-entry.js';
import { type FoundEntry, type Gap, type JournalScan, scanJournal } from './journal-scan.js';
import { LogState } from './log-state.js';
import type { EmbeddedLogLogger, EmbeddedLogSettings, ReplayProgress } from './options.js';
import type { PartitionLog } from './partition-log.js';
import type { Segment } from './segment.js';
import { isBatch } from './segment-chain.js';
import type { SegmentStore } from './segment-store.js';
import type { Snapshot } from './state-snapshot.js';
import { readWhole } from './whole-file.js';

export interface RecoveryParts {
  readonly files: FileSystem;
  readonly directory: string;
  readonly logId: string;
  readonly journalKey: Uint8Array;
  readonly settings: EmbeddedLogSettings;
  readonly segments: SegmentStore;
  readonly logger: EmbeddedLogLogger;
  readonly replaying?: ((progress: ReplayProgress) => void) | undefined;
}

/** Bytes of the journal that were not replayed, for a copy to be kept. */
export interface TornTail {
  readonly lsn: number;
  readonly bytes: Uint8Array;
}

export interface Recovered {
  readonly state: LogState;
  /** Where the journal goes on: two generations later, so that nothing torn can be taken for one of the new entries. */
  readonly place: JournalPlace;
  /** Segments that got bytes again and must be flushed before the journal they came from may go. */
  readonly touched: ReadonlySet<Segment>;
  readonly torn: TornTail | undefined;
}

/** Entries of both live generations, in order, and the bytes their payloads lie in. */
interface JournalContent {
  readonly items: readonly { readonly item: FoundEntry | Gap; readonly bytes: Uint8Array }[];
  readonly durableUpTo: number;
}

/**
 * The state after the last durable commit: the snapshot's, and on top of it every entry of the journal. Batches are written into their segments
 * once more, at the places the journal names, so replay can be interrupted and repeated at will; the journal itself is only read.
 *
 * Where the journal is unreadable at or above the highest watermark, it is the torn tail of the last flush, which nobody was told of: it is cut. Below, it is damage: the
 * segment's copy of the batch is used if it is the right one, else the partition is degraded at that offset; an entry without a readable header
 * stops the start, since nobody knows what it touched.
 * @throws `log-corrupt`.
 */
export async function recoverState(parts: RecoveryParts, snapshot: Snapshot): Promise<Recovered> {
  const state = LogState.restore(parts.logId, parts.settings.producerExpirationMs, snapshot.state);
  const touched = new Set<Segment>();
  const { generation, startLsn } = snapshot.journal;
  let lsn = startLsn;
  let torn: TornTail | undefined;
  if (!snapshot.clean) {
    const { items, durableUpTo } = await readJournal(parts, snapshot);
    for (const { item } of items) {
      if (item.kind === 'gap' && item.from < durableUpTo) {
        const files = [journalPath(parts.directory, 0), journalPath(parts.directory, 1)];
        throw logCorrupt('the journal has an unreadable entry', { files, lsn: item.from, bytes: item.to - item.from });
      }
    }
    let entries = 0;
    const journalBytes = items.length === 0 ? 0 : endOf(items.at(-1)!.item) - startLsn;
    for (const { item, bytes } of items) {
      const replayed = item.kind === 'entry' && (await replay(parts, state, touched, item, bytes, durableUpTo));
      if (!replayed) {
        torn = tornTail(items, item);
        parts.logger.warn('the torn tail of the journal was cut', { lsn, bytes: torn.bytes.length });
        break;
      }
      lsn = endOf(item);
      entries++;
      parts.replaying?.({ replayedBytes: lsn - startLsn, journalBytes });
    }
    parts.logger.info('the journal was replayed', { entries, fromLsn: startLsn, toLsn: lsn });
  }
  for (const partition of state.partitions()) partition.rewind();
  return { state, place: { generation: generation + 2, startLsn: lsn }, touched, torn };
}

async function readJournal(parts: RecoveryParts, snapshot: Snapshot): Promise<JournalContent> {
  const { files, directory, journalKey } = parts;
  const { generation, startLsn } = snapshot.journal;
  const contents: Uint8Array[] = [];
  for (let slot = 0; slot < JOURNAL_SLOTS; slot++) {
    const path = journalPath(directory, slot);
    const whole = (await readWhole(files, path)) ?? new Uint8Array();
    const expected = readJournalHead(journalKey, slot, whole);
    if (expected === undefined) throw logCorrupt('a journal file is missing or not of this log', { file: path });
    if (whole.length < expected) {
      throw logCorrupt('a journal file was cut', { file: path, bytes: whole.length, expected });
    }
    const bytes = whole.subarray(JOURNAL_HEAD_BYTES);
    const newest = bytes.length < 16 ? 0 : claimedGeneration(bytes, 0);
    if (newest > generation + 1 && readEntryHeader(bytes, 0, saltOf(journalKey, newest)) !== undefined) {
      const facts = { file: path, generation: newest, snapshot: generation };
      throw logCorrupt('the state snapshot is older than the journal', facts);
    }
    contents.push(bytes);
  }
  const scan = (live: number, origin?: number): JournalScan => {
    return scanJournal(contents[slotOf(live)]!, live, saltOf(journalKey, live), origin);
  };
  const first = scan(generation, startLsn);
  const second = scan(generation + 1);
  // A generation ends where the next one begins; what it holds behind that is the note that nobody needs any more.
  const end = second.found.length === 0 ? Infinity : startOf(second.found[0]!);
  const items: { item: FoundEntry | Gap; bytes: Uint8Array }[] = [];
  let next = startLsn;
  for (const [live, found] of [
    [generation, first.found.filter((item) => startOf(item) < end)],
    [generation + 1, second.found],
  ] as const) {
    const bytes = contents[slotOf(live)]!;
    for (const item of found) {
      const from = startOf(item);
      if (from > next) items.push({ item: { kind: 'gap', from: next, to: from }, bytes });
      if (from < next) throw logCorrupt('the journal contradicts itself', { directory, lsn: from, expected: next });
      items.push({ item, bytes });
      next = endOf(item);
    }
  }
  return { items, durableUpTo: Math.max(first.durableUpTo, second.durableUpTo) };
}

function endOf(item: FoundEntry | Gap): number {
  return item.kind === 'gap' ? item.to : item.header.lsn + item.header.entryLength;
}

function startOf(item: FoundEntry | Gap): number {
  return item.kind === 'gap' ? item.from : item.header.lsn;
}

/** Does an entry over again. False when it belongs to the torn tail; nothing of it is done then. */
async function replay(
  parts: RecoveryParts,
  state: LogState,
  touched: Set<Segment>,
  entry: FoundEntry,
  journal: Uint8Array,
  durableUpTo: number,
): Promise<boolean> {
  const { header, payloadAt, healed } = entry;
  if (healed) parts.logger.warn('a damaged header of the journal was read from its copy', { lsn: header.lsn });
  const payloads: (Uint8Array | undefined)[] = [];
  let at = payloadAt;
  for (const section of header.sections) {
    const inline = section.reference ? undefined : journal.subarray(at, at + section.length);
    if (!section.reference) at += section.length;
    const payload = isRight(inline, section) ? inline : await segmentCopy(parts, state, section);
    if (payload === undefined && header.lsn >= durableUpTo) return false;
    payloads.push(payload);
  }
  for (let i = 0; i < payloads.length; i++) {
    await replaySection(parts, state, touched, header.sections[i]!, payloads[i], header.appendTimeMs);
  }
  for (const command of decodeCommands(header.commands)) state.apply(command);
  return true;
}

async function replaySection(
  { segments, settings, logger, directory }: RecoveryParts,
  state: LogState,
  touched: Set<Segment>,
  section: Section,
  payload: Uint8Array | undefined,
  appendTimeMs: number,
): Promise<void> {
  const { topic, partition: number, baseOffset, segmentBase, position, length, reference } = section;
  const partition = state.partition(topic, number);
  if (partition === undefined || !isNext(partition, section)) {
    throw logCorrupt('journal and snapshot do not fit together', { directory, topic, partition: number, baseOffset });
  }
  const before = partition.active;
  const segment = partition.segmentFor(segmentBase);
  if (before !== undefined) touched.add(before);
  touched.add(segment);
  if (payload === undefined) {
    partition.degradedAt ??= baseOffset;
    segment.skip(length, baseOffset + section.lastOffsetDelta + 1);
    logger.error('damage in the journal and in the segment: the partition is degraded', {
      topic,
      partition: number,
      offset: baseOffset,
    });
    return;
  }
  if (!reference) {
    await segments.write({ identity: partition.identity, segmentBase, position, bytes: payload, again: true });
  }
  segment.extend(payload, 0, length, appendTimeMs, settings.indexIntervalBytes);
  partition.producers.note(readBatchHeader(payload), baseOffset, appendTimeMs);
}

/** Whether a section goes on where the partition ends. */
function isNext(partition: PartitionLog, { baseOffset, segmentBase, position }: Section): boolean {
  if (baseOffset !== partition.endOffset) return false;
  const { active } = partition;
  return active?.baseOffset === segmentBase
    ? position === active.sizeBytes
    : position === 0 && segmentBase === baseOffset;
}

function isRight(payload: Uint8Array | undefined, section: Section): payload is Uint8Array {
  return payload !== undefined && isBatch(payload, section.length, section.crc);
}

/** The batch as it stands in its segment, if it is the one the journal means. */
async function segmentCopy(
  { segments, logger }: RecoveryParts,
  state: LogState,
  section: Section,
): Promise<Uint8Array | undefined> {
  const identity = state.partition(section.topic, section.partition)?.identity;
  if (identity === undefined) return undefined;
  const copy = await segments.readAt(identity, section.segmentBase, section.position, section.length);
  if (!isRight(copy, section)) return undefined;
  const { topic, partition, baseOffset, reference } = section;
  if (!reference)
    logger.warn('a damaged batch of the journal was read from its segment', { topic, partition, baseOffset });
  return copy;
}

function tornTail(items: JournalContent['items'], first: FoundEntry | Gap): TornTail {
  const index = items.findIndex((one) => one.item === first);
  const lsn = startOf(first);
  const parts: Uint8Array[] = [];
  for (const { item, bytes } of items.slice(index)) {
    if (item.kind === 'gap') continue;
    const start = item.payloadAt - item.header.headerLength;
    parts.push(bytes.subarray(start, start + item.header.entryLength));
  }
  return { lsn, bytes: Buffer.concat(parts) };
}
