import type { LogRecord } from '#libs/core/log';
import type { RecordDecoder } from '../record-decoder.js';
import type { DerivationDefinition, MergeRule } from './derivation.js';
import { DerivedStream, type SaidState, type WrittenState } from './derived-stream.js';
import type { KeyState, StateOrder } from './state-order.js';
import type { RecordValue, ValueMerging } from './value-merging.js';

/** Where values are merged, the state is what the next one is laid over. */
interface LatestState extends KeyState {
  readonly whole?: RecordValue;
}

/** The newest state of each key, as the source wrote it; or what its partial values add up to. */
export class LatestStream extends DerivedStream<LatestState> {
  readonly #merge: MergeRule | null;

  constructor(
    definition: DerivationDefinition,
    order: StateOrder,
    decoder: RecordDecoder,
    private readonly merging: ValueMerging,
  ) {
    super(definition, order, decoder);
    this.#merge = definition.merge ?? null;
  }

  next({ version, digest, record }: SaidState): WrittenState<LatestState> {
    return { state: this.#state({ version, digest }, record), record };
  }

  async restored(topic: string, record: LogRecord, known: LatestState | undefined): Promise<LatestState> {
    return this.#state(await this.writtenState(topic, record, known), record);
  }

  protected override async whole(topic: string, record: LogRecord, known: LatestState | undefined): Promise<LogRecord> {
    const { value, headers } = record;
    if (this.#merge === null || value === null || known?.whole === undefined) return record;
    return { ...record, ...(await this.merging.merge(topic, known.whole, { value, headers }, this.#merge)) };
  }

  #state(state: KeyState, { value, headers }: LogRecord): LatestState {
    if (this.#merge === null || value === null) return state;
    // A copy: the record's bytes are views of a whole batch.
    const kept = headers.map((header) => ({ key: header.key, value: header.value && Buffer.from(header.value) }));
    return { ...state, whole: { value: Buffer.from(value), headers: kept } };
  }
}
