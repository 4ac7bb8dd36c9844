import { isAppError } from '#libs/core/kernel';
import { decideDeletion, type DeletedRecords, type DeletePosition, type HeldFrom, lowestHold } from '../index.js';
import type { PartitionRef } from '../index.js';
import type { MemoryLogStorage } from './memory-storage.js';

/** Deletes the records before a place in a partition, unless something is to be kept of them. `validateOnly`: only says what would come of it. */
export function deleteRecordsBefore(
  storage: MemoryLogStorage,
  position: DeletePosition,
  validateOnly: boolean,
): DeletedRecords {
  const { topic: name, partition: number } = position;
  const ref = { topic: name, partition: number };
  let startOffset = 0;
  try {
    const { state, config } = storage.topic(name);
    const partition = storage.partition(ref);
    startOffset = partition.startOffset;
    const facts = { state, config: Object.fromEntries(config) };
    startOffset = decideDeletion(position, facts, partition, heldFrom(storage, ref));
    if (!validateOnly) partition.dropBefore(startOffset);
    return { ...ref, startOffset };
  } catch (error) {
    if (!isAppError(error)) throw error;
    return { ...ref, startOffset, error };
  }
}

function heldFrom(storage: MemoryLogStorage, ref: PartitionRef): HeldFrom {
  return lowestHold(positionsHeld(storage, ref));
}

function* positionsHeld(
  storage: MemoryLogStorage,
  { topic, partition }: PartitionRef,
): Generator<{ id: string; offset: number }> {
  for (const [id, positions] of storage.holds) {
    for (const one of positions) if (one.topic === topic && one.partition === partition) yield { id, ...one };
  }
}
