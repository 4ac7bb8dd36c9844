import { claimedGeneration, ENTRY_ALIGNMENT, type EntryHeader, markAt, readEntryHeader } from './journal-entry.js';

/** An entry whose header could be read, from either copy. Its payloads are not checked yet. */
export interface FoundEntry {
  readonly kind: 'entry';
  readonly header: EntryHeader;
  /** Where the payloads begin in the scanned bytes. */
  readonly payloadAt: number;
  /** The first copy of the header was damaged, the second one was used. */
  readonly healed: boolean;
}

/** Bytes between entries in which no header could be read. */
export interface Gap {
  readonly kind: 'gap';
  /** First lsn of the gap. */
  readonly from: number;
  /** The lsn behind it. */
  readonly to: number;
}

export interface JournalScan {
  /** In order of lsn, without holes: what is missing is a gap. Nothing after the last entry is reported. */
  readonly found: readonly (FoundEntry | Gap)[];
  /** Highest `durableUpTo` of any entry found, 0 when there is none. */
  readonly durableUpTo: number;
}

/**
 * Reads the entries of one generation from the bytes of its file. Where the next header is not what it should be, the search goes on behind it, so
 * that entries after damage are found: they tell whether the damage lies in flushed bytes.
 *
 * @param bytes what lies behind the head of the file.
 * @param startLsn the lsn of their first byte, where it is known; else it is taken from the entries.
 */
export function scanJournal(bytes: Uint8Array, generation: number, salt: number, startLsn?: number): JournalScan {
  const found: (FoundEntry | Gap)[] = [];
  let durableUpTo = 0;
  let origin = startLsn;
  for (let at = 0; at < bytes.length;) {
    const next = findEntry(bytes, at, generation, salt, origin);
    if (next === undefined) break;
    origin ??= next.header.lsn - next.at;
    if (next.at > at) found.push({ kind: 'gap', from: origin + at, to: next.header.lsn });
    const { header, healed } = next;
    found.push({ kind: 'entry', header, healed, payloadAt: next.at + header.headerLength });
    durableUpTo = Math.max(durableUpTo, header.durableUpTo);
    at = next.at + header.entryLength;
  }
  return { found, durableUpTo };
}

interface Candidate {
  readonly at: number;
  readonly header: EntryHeader;
  readonly healed: boolean;
}

/** The first entry that begins at `from` or behind it. */
function findEntry(
  bytes: Uint8Array,
  from: number,
  generation: number,
  salt: number,
  origin: number | undefined,
): Candidate | undefined {
  for (let place = from; place + ENTRY_ALIGNMENT <= bytes.length; place += ENTRY_ALIGNMENT) {
    const mark = markAt(bytes, place);
    if (mark === undefined || claimedGeneration(bytes, place) !== generation) continue;
    const header = readEntryHeader(bytes, place, salt);
    if (header === undefined) continue;
    const at = mark === 'header' ? place : place - header.entryLength + header.headerLength;
    if (at < from || (origin !== undefined && header.lsn !== origin + at)) continue;
    return { at, header, healed: mark === 'trailer' };
  }
  return undefined;
}
