import { generationOf, isInternalTopic, type LogEngine, type TopicNames, type TopicState } from '#libs/core/log';

/**
 * Writes the rows of a lost name table anew from the log: of the generations of a logical topic the ACTIVE one has the name. When none is (a cutover was cut short
 * between fence and activation) it is the oldest FENCED one, which holds everything the newer one does and which writers may still believe in; RETIRED generations come
 * last. Where a generation opened and where keys come from is not in the log and stays unknown. Names that have a row are left alone.
 * @returns the names written.
 */
export async function rebuildTopicNames(engine: LogEngine, names: TopicNames): Promise<readonly string[]> {
  const found = new Map<string, { generation: number; state: TopicState }[]>();
  for (const topic of await engine.listTopics()) {
    const { logical, generation } = generationOf(topic.name);
    if (isInternalTopic(logical)) continue;
    found.set(logical, [...(found.get(logical) ?? []), { generation, state: topic.state }]);
  }
  const written: string[] = [];
  for (const [logical, generations] of found) {
    const { generation } = generations.sort((a, b) => rank(a.state) - rank(b.state) || order(a, b))[0]!;
    if (generation === 1 || (await names.find(engine.logId, logical)) !== undefined) continue;
    if (await names.compareAndSet(engine.logId, logical, 0, generation)) written.push(logical);
  }
  return written;
}

const RANKS: Readonly<Record<TopicState, number>> = { ACTIVE: 0, FENCED: 1, BROWNED_OUT: 2, RETIRED: 3 };

function rank(state: TopicState): number {
  return RANKS[state];
}

/** Of two ACTIVE or two RETIRED generations the newer one first, of two FENCED ones the older one. */
function order(a: { generation: number; state: TopicState }, b: { generation: number }): number {
  return a.state === 'FENCED' ? a.generation - b.generation : b.generation - a.generation;
}
