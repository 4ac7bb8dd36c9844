import { impossible } from '#libs/core/kernel';
import type { LogRecord } from '#libs/core/log';
import {
  CHANGE_HEADER,
  type ChangeType,
  headerText,
  NUMBER_HEADER,
  textHeader,
  VALID_FROM_HEADER,
} from './derived-headers.js';
import { DerivedStream, type SaidState, type WrittenState } from './derived-stream.js';
import type { KeyState } from './state-order.js';

interface VersionedState extends KeyState {
  /** From 1, without a gap. */
  readonly number: number;
  /** Epoch ms. */
  readonly validFrom: number;
}

/** What the headers of a record of a versioned stream say. */
export interface VersionHeaders {
  readonly number: number;
  readonly change: ChangeType;
  readonly validFrom: number;
}

/**
 * Every state of each key under its own key, numbered from 1. A state holds from its time until that of the next: intervals of a key touch and never overlap
 * (L2), so a record that says an earlier time than the state before it holds from the same moment on.
 *
 * The key of a record stays the key of what it is about, its number is in a header: readers keep the key's schema and partition, and any table made of the stream by key is
 * the latest one (L1). The stream is not compacted, so nothing is gained by a key that has the number in it.
 */
export class VersionedStream extends DerivedStream<VersionedState> {
  next({ version, digest, record }: SaidState, known: VersionedState | undefined): WrittenState<VersionedState> {
    const number = (known?.number ?? 0) + 1;
    const validFrom = Math.max(known?.validFrom ?? 0, record.timestamp);
    const headers = [
      ...record.headers,
      textHeader(NUMBER_HEADER, String(number)),
      textHeader(CHANGE_HEADER, changeOf(digest, known)),
      textHeader(VALID_FROM_HEADER, String(validFrom)),
    ];
    return { state: { version, digest, number, validFrom }, record: { ...record, headers } };
  }

  async restored(topic: string, record: LogRecord, known: VersionedState | undefined): Promise<VersionedState> {
    const { number, validFrom } = versionHeaders(record);
    return { ...(await this.writtenState(topic, record, known)), number, validFrom };
  }
}

/** What a record of a versioned stream says of itself; only the stream's own writer can have written it. */
export function versionHeaders({ headers }: Pick<LogRecord, 'headers'>): VersionHeaders {
  const [number, validFrom] = [NUMBER_HEADER, VALID_FROM_HEADER].map((key) => Number(headerText(headers, key)));
  const change = headerText(headers, CHANGE_HEADER);
  if (!Number.isSafeInteger(number) || !Number.isSafeInteger(validFrom) || change === undefined) {
    return impossible('a record of a versioned stream does not say which version it is');
  }
  return { number: number!, validFrom: validFrom!, change: change as ChangeType };
}

function changeOf(digest: string | null, known: VersionedState | undefined): ChangeType {
  if (known === undefined) return 'create';
  if (digest === null) return 'delete';
  return known.digest === null ? 'undelete' : 'update';
}
