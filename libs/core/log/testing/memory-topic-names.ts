import {
  type NameMove,
  type Opening,
  type TopicGuard,
  type TopicName,
  TopicNames,
  type TopicPlace,
  UNGUARDED,
  UNKNOWN_OPENING,
} from '../index.js';

/** The name table in memory, for tests. */
export class MemoryTopicNames extends TopicNames {
  readonly #rows = new Map<string, TopicName>();

  async find(logId: string, logical: string): Promise<TopicName | undefined> {
    return this.#rows.get(keyOf(logId, logical));
  }

  async list(logId: string): Promise<readonly TopicName[]> {
    return [...this.#rows.values()].filter((row) => row.logId === logId);
  }

  async listPlaced(logId: string): Promise<readonly TopicName[]> {
    return (await this.list(logId)).filter(({ place }) => place !== null);
  }

  async compareAndSet(
    logId: string,
    logical: string,
    expectedRevision: number,
    generation: number,
    opening: Opening = UNKNOWN_OPENING,
    place?: TopicPlace | null,
  ): Promise<TopicName | undefined> {
    return this.#move(logId, logical, expectedRevision, generation, opening, place);
  }

  #move(
    logId: string,
    logical: string,
    expectedRevision: number,
    generation: number,
    opening: Opening,
    place: TopicPlace | null | undefined,
  ): TopicName | undefined {
    const key = keyOf(logId, logical);
    const present = this.#rows.get(key);
    if ((present?.revision ?? 0) !== expectedRevision) return undefined;
    const openedFrom = present?.generation === generation ? present.openedFrom : (present?.generation ?? 1);
    const { opensAt, closedAt, keyExpression, partitioner } = opening;
    const row = {
      ...(present ?? firstRow(logId, logical)),
      generation,
      openedFrom,
      revision: expectedRevision + 1,
      opensAt,
      closedAt,
      keyExpression,
      partitioner,
      ...(place === undefined ? {} : { place }),
    };
    this.#rows.set(key, row);
    return row;
  }

  async compareAndSetAll(logId: string, moves: readonly NameMove[]): Promise<boolean> {
    const isAt = ({ logical, expectedRevision }: NameMove): boolean =>
      (this.#rows.get(keyOf(logId, logical))?.revision ?? 0) === expectedRevision;
    if (!moves.every(isAt)) return false;
    // Nothing is awaited between these: nobody sees some of them.
    for (const { logical, expectedRevision, generation, opening, place } of moves)
      this.#move(logId, logical, expectedRevision, generation, opening, place);
    return true;
  }

  async setGuard(
    logId: string,
    logical: string,
    expectedRevision: number,
    guard: TopicGuard,
  ): Promise<TopicName | undefined> {
    const key = keyOf(logId, logical);
    const present = this.#rows.get(key) ?? firstRow(logId, logical);
    if (present.guardRevision !== expectedRevision) return undefined;
    const row = { ...present, guard, guardRevision: expectedRevision + 1 };
    this.#rows.set(key, row);
    return row;
  }

  async remove(logId: string, logical: string): Promise<void> {
    this.#rows.delete(keyOf(logId, logical));
  }
}

function firstRow(logId: string, logical: string): TopicName {
  const name = { logId, logical, generation: 1, openedFrom: 1, revision: 1 };
  return { ...name, ...UNKNOWN_OPENING, guard: UNGUARDED, guardRevision: 0, place: null };
}

function keyOf(logId: string, logical: string): string {
  return `${logId} ${logical}`;
}
