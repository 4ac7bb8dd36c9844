import type { Clock } from '#libs/core/kernel';
import { checkProducerName, logErrors, type ProducerIdentity, successorOf } from '#libs/core/log';
import type { Command } from './commands.js';
import type { LogState } from './log-state.js';

export interface ProducerOpeningParts {
  readonly clock: Clock;
  readonly state: LogState;
  /** Names that are kept at most. */
  readonly names: number;
  /** Makes facts durable that are decided when their turn has come, alone in their turn. */
  readonly decide: (decide: () => readonly Command[]) => Promise<void>;
}

/** Ids that are reserved at a time. Those of a block that are left over when the log closes are never used. */
const BLOCK = 1_000;

/** Gives out producer ids. A block of them is reserved durably before the first one is used, so that none is ever given twice. */
export class ProducerOpenings {
  #next: number;
  #end: number;
  #reserving: Promise<void> | undefined;

  constructor(private readonly parts: ProducerOpeningParts) {
    this.#next = parts.state.producerIds.reserved;
    this.#end = this.#next;
  }

  /** @throws `invalid-producer-name`, `too-many-producers`. */
  async open(name: string | undefined): Promise<ProducerIdentity> {
    if (name !== undefined) checkProducerName(name);
    const producerId = await this.freshId();
    return name === undefined ? { producerId, epoch: 0 } : await this.openNamed(name, producerId);
  }

  private async freshId(): Promise<number> {
    while (this.#next >= this.#end) {
      await (this.#reserving ??= this.reserve().finally(() => (this.#reserving = undefined)));
    }
    return this.#next++;
  }

  private async reserve(): Promise<void> {
    const from = this.parts.state.producerIds.reserved;
    await this.parts.decide(() => [{ kind: 'producers-reserved', upTo: from + BLOCK }]);
    this.#next = from;
    this.#end = from + BLOCK;
  }

  private async openNamed(name: string, freshId: number): Promise<ProducerIdentity> {
    const { clock, state, names: limit, decide } = this.parts;
    let identity: ProducerIdentity | undefined;
    await decide(() => {
      const { names } = state.producerIds;
      if (!names.has(name) && names.size >= limit) {
        state.forgetProducers(clock.now());
        if (names.size >= limit) throw logErrors.tooManyProducers(limit);
      }
      identity = successorOf(names.get(name), () => freshId);
      return [{ kind: 'producer-named', name, ...identity, openedAtMs: clock.now() }];
    });
    return identity!;
  }
}
