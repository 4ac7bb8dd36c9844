import type { LogRecord } from '#libs/core/log';
import type { RecordDecoder } from '../record-decoder.js';
import { DeletedValues } from './deletion-rule.js';
import type { DerivationDefinition } from './derivation.js';
import { ORDER_HEADER, orderOf, sourceHeaders, textHeader } from './derived-headers.js';
import { type KeyState, stateDigest, type StateOrder, type Version } from './state-order.js';

/** What a record of the source says about its key. */
export interface SaidState {
  readonly version: Version;
  /** Null when the key ends. */
  readonly digest: string | null;
  /** The state as a record: without Weir's own headers, without a value when the key ends. */
  readonly record: LogRecord;
}

/** A state that counts, and the record that is written for it. */
export interface WrittenState<S extends KeyState> {
  readonly state: S;
  readonly record: LogRecord;
}

/**
 * What one kind of derivation makes of the states of a key. All it knows of earlier ones is the state it is given, which can be told from the records it has
 * written: so a state that was lost is folded from the target and is the same.
 */
export abstract class DerivedStream<S extends KeyState = KeyState> {
  readonly #deleted: DeletedValues | undefined;

  constructor(
    definition: DerivationDefinition,
    readonly order: StateOrder,
    protected readonly decoder: RecordDecoder,
  ) {
    this.#deleted = definition.deletes ? new DeletedValues(definition.deletes) : undefined;
  }

  /** What becomes of a state that counts. @param known the state before, if any. */
  abstract next(said: SaidState, known: S | undefined): WrittenState<S>;

  /** The state that a record of the target stands for. @param known that of the record before it. */
  abstract restored(topic: string, record: LogRecord, known: S | undefined): Promise<S>;

  /**
   * @param topic the source, whose schemas its records have.
   * @throws `version-missing`, `undecodable-record`: about this record alone.
   */
  async said(topic: string, sent: LogRecord, known: S | undefined): Promise<SaidState> {
    const record = await this.whole(topic, { ...sent, headers: sourceHeaders(sent.headers) }, known);
    const version = await this.order.versionOf(topic, record, known);
    if (record.value === null) return { version, digest: null, record };
    if (this.#deleted?.has(await this.decoder.value(topic, record.value, record.headers)) !== true) {
      return { version, digest: stateDigest(record), record };
    }
    const headers = this.order.isInValue
      ? [...record.headers, textHeader(ORDER_HEADER, JSON.stringify(version))]
      : record.headers;
    return { version, digest: null, record: { ...record, value: null, headers } };
  }

  /** The record with the whole state as its value, where it says a part of it. */
  protected whole(_topic: string, record: LogRecord, _known: S | undefined): LogRecord | Promise<LogRecord> {
    return record;
  }

  /** Version and digest of a record of the target, as they were when it was written. */
  protected async writtenState(topic: string, written: LogRecord, known: S | undefined): Promise<KeyState> {
    const record = { ...written, headers: sourceHeaders(written.headers) };
    const version = orderOf(written.headers) ?? (await this.order.versionOf(topic, record, known));
    return { version, digest: stateDigest(record) };
  }
}
