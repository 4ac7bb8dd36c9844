import type { BatchHeader } from './batch-header.js';
import { outOfOrderSequence, staleProducerEpoch } from './errors.js';

/** One batch a producer wrote, as kept for recognising it again. */
export interface ProducedBatch {
  readonly firstSequence: number;
  readonly lastSequence: number;
  readonly baseOffset: number;
  readonly lastOffset: number;
  /** Where it lies, when that is not here: in the same partition of a topic that was handed over to this one. */
  readonly topic?: string;
}

/** What a partition knows of one producer. */
export interface ProducerState {
  readonly producerId: number;
  readonly epoch: number;
  /** When it last wrote, epoch ms by the caller's clock. */
  readonly lastWriteMs: number;
  /** The last batches, oldest first, at most {@link KEPT_BATCHES}, each beginning where the one before it ends. */
  readonly batches: readonly ProducedBatch[];
}

/** A client has at most five batches in flight, so five are enough to recognise every repetition. */
export const KEPT_BATCHES = 5;

const SEQUENCES = 2 ** 31;

/**
 * The producers of one partition: which batches are repetitions, and which come out of turn (section 10 of the format reference, without
 * transactions). `check` decides and changes nothing; `note` is called once the batch is in the log.
 *
 * Given others `below`, it holds what comes on top of them, and leaves them as they are: for batches that have a place and are not in the log yet.
 */
export class ProducerStates {
  readonly #states = new Map<number, ProducerState>();

  constructor(private readonly below?: ProducerStates) {}

  /** Producers known here, apart from those below. */
  get count(): number {
    return this.#states.size;
  }

  /** What is known of a producer that wrote at `aliveFromMs` or later. */
  find(producerId: number, aliveFromMs = -Infinity): ProducerState | undefined {
    const state = this.#states.get(producerId) ?? this.below?.find(producerId);
    return state === undefined || state.lastWriteMs < aliveFromMs ? undefined : state;
  }

  /**
   * The batch of which this one is a repetition, undefined when it is to be appended. Batches without producer id are always appended, and a producer
   * that last wrote before `aliveFromMs` is not known any more.
   * @throws `stale-producer-epoch`, `out-of-order-sequence`.
   */
  check(header: BatchHeader, aliveFromMs = -Infinity): ProducedBatch | undefined {
    const { producerId, producerEpoch, baseSequence } = header;
    const state = producerId < 0 ? undefined : this.find(producerId, aliveFromMs);
    if (state === undefined) return undefined;
    if (producerEpoch === state.epoch) {
      const last = lastSequence(header);
      const same = state.batches.find((one) => one.firstSequence === baseSequence && one.lastSequence === last);
      if (same !== undefined) return same;
    }
    if (producerEpoch < state.epoch) throw staleProducerEpoch(producerId, producerEpoch, state.epoch);
    const expected = producerEpoch > state.epoch ? 0 : nextSequence(state);
    if (baseSequence !== expected) throw outOfOrderSequence(producerId, baseSequence, expected);
    return undefined;
  }

  /** Remembers a batch that was appended at `baseOffset`. */
  note(header: BatchHeader, baseOffset: number, nowMs: number): void {
    const { producerId, producerEpoch: epoch, baseSequence: firstSequence } = header;
    if (producerId < 0) return;
    const state = this.find(producerId);
    const lastOffset = baseOffset + header.lastOffsetDelta;
    const batch = { firstSequence, lastSequence: lastSequence(header), baseOffset, lastOffset };
    // A producer that was forgotten and begins anew must not meet its former batches.
    const goesOn = state !== undefined && state.epoch === epoch && firstSequence === nextSequence(state);
    const batches = goesOn ? [...state.batches, batch].slice(-KEPT_BATCHES) : [batch];
    this.#states.set(producerId, { producerId, epoch, lastWriteMs: nowMs, batches });
  }

  /** Forgets producers that last wrote before `timeMs`. */
  expire(timeMs: number): void {
    for (const [id, state] of this.#states) if (state.lastWriteMs < timeMs) this.#states.delete(id);
  }

  /** Knows what another partition knows and nothing else: of the topic `from`, which is handed over to `to`, the topic of this one. */
  takeOver(others: ProducerStates, from: string, to: string): void {
    const states = others
      .all()
      .map((state) => ({ ...state, batches: state.batches.map((one) => moved(one, from, to)) }));
    this.#states.clear();
    this.restore(states);
  }

  /** Everything known here, for a snapshot. */
  all(): readonly ProducerState[] {
    return [...this.#states.values()];
  }

  /** Takes over what a snapshot kept. */
  restore(states: Iterable<ProducerState>): void {
    for (const state of states) this.#states.set(state.producerId, state);
  }
}

/** A batch as it is known in the topic `to`. Handed back, it lies where it always did. */
function moved({ topic = '', ...batch }: ProducedBatch, from: string, to: string): ProducedBatch {
  const lies = topic === '' ? from : topic;
  return lies === to ? batch : { ...batch, topic: lies };
}

/** Sequences run from 0 to 2147483647 and begin again. */
function lastSequence(header: BatchHeader): number {
  return (header.baseSequence + header.lastOffsetDelta) % SEQUENCES;
}

function nextSequence({ batches }: ProducerState): number {
  const last = batches.at(-1);
  return last === undefined ? 0 : (last.lastSequence + 1) % SEQUENCES;
}
