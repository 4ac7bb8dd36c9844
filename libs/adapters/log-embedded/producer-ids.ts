import { type BatchHeader, logErrors, type ProducerIdentity } from '#libs/core/log';

/** The identity that was opened last under a name. */
export interface NamedProducer extends ProducerIdentity {
  readonly openedAtMs: number;
}

/** Producer ids as the state snapshot keeps them. */
export interface ProducerIdsImage {
  readonly reserved: number;
  readonly names: readonly (readonly [name: string, producerId: number, epoch: number, openedAtMs: number])[];
  readonly ended: readonly number[];
}

/** Which producer ids the log has given out, and which of them belong to a name. Part of the log's state: it changes by facts alone. */
export class ProducerIds {
  /** Ids below this are given out, or may be without another fact. Those from here on belong to nobody. */
  reserved = 0;
  readonly names = new Map<string, NamedProducer>();
  /** The epoch in force of each id that has a name. */
  readonly #epochs = new Map<number, number>();
  /** Ids that had a name and have used up their epochs. */
  readonly #ended = new Set<number>();

  /** @throws `unknown-producer`, `stale-producer-epoch`. */
  check({ producerId, producerEpoch }: BatchHeader): void {
    if (producerId >= this.reserved) throw logErrors.unknownProducer(producerId);
    const epoch = this.#epochs.get(producerId);
    if (epoch !== undefined && producerEpoch < epoch)
      throw logErrors.staleProducerEpoch(producerId, producerEpoch, epoch);
    if (this.#ended.has(producerId)) throw logErrors.staleProducerEpoch(producerId, producerEpoch);
  }

  reserve(upTo: number): void {
    this.reserved = Math.max(this.reserved, upTo);
  }

  /** Gives a name to an identity; the one that had it is fenced. */
  name(name: string, producer: NamedProducer): void {
    const former = this.names.get(name);
    if (former !== undefined && former.producerId !== producer.producerId) {
      this.#epochs.delete(former.producerId);
      this.#ended.add(former.producerId);
    }
    this.names.set(name, producer);
    this.#epochs.set(producer.producerId, producer.epoch);
  }

  /** Forgets names that were last opened before a time, unless `alive` knows their producer. */
  expire(timeMs: number, alive: (producerId: number) => boolean): void {
    for (const [name, { producerId, openedAtMs }] of this.names) {
      if (openedAtMs >= timeMs || alive(producerId)) continue;
      this.names.delete(name);
      this.#epochs.delete(producerId);
    }
  }

  image(): ProducerIdsImage {
    const names = [...this.names].map(
      ([name, { producerId, epoch, openedAtMs }]) => [name, producerId, epoch, openedAtMs] as const,
    );
    return { reserved: this.reserved, names, ended: [...this.#ended] };
  }

  restore(image: ProducerIdsImage): void {
    this.reserve(image.reserved);
    for (const [name, producerId, epoch, openedAtMs] of image.names) this.name(name, { producerId, epoch, openedAtMs });
    for (const id of image.ended) this.#ended.add(id);
  }
}
