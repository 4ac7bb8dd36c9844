import { AppError } from '#libs/core/kernel';
import type { PositionToken } from '#libs/core/log';
import type { ViewPositions } from './view-tables.js';

/** Whether a view has read what a token stands for. A later generation was entered only after the earlier one was read to its end. */
export function covers(positions: ViewPositions, source: number, token: PositionToken): boolean {
  const at = positions.sources[source];
  if (at === undefined || at.generation < token.generation) return false;
  if (at.generation > token.generation) return true;
  return [...token.positions].every(([partition, next]) => (at.next[partition] ?? 0) >= next);
}

/** The answer to a read that waited in vain: for each partition that is behind, where the view is and where it was to be. */
export function viewBehind(
  name: string,
  waitMs: number,
  positions: ViewPositions,
  missing: readonly { readonly source: number; readonly token: PositionToken }[],
): AppError {
  const behind = missing.flatMap(({ source, token }) => {
    const at = positions.sources[source];
    const same = at?.generation === token.generation;
    return [...token.positions]
      .filter(([partition, next]) => !same || (at.next[partition] ?? 0) < next)
      .map(([partition, next]) => ({
        topic: token.topic,
        partition,
        wanted: { generation: token.generation, next: String(next) },
        reached: at === undefined ? null : { generation: at.generation, next: String(at.next[partition] ?? 0) },
      }));
  });
  const records = behind.reduce(
    (sum, { wanted, reached }) =>
      reached?.generation === wanted.generation ? sum + Number(wanted.next) - Number(reached.next) : sum,
    0,
  );
  return new AppError({
    kind: 'timeout',
    code: 'view-behind',
    message: `View '${name}' does not reflect the position asked for after ${waitMs} ms${records === 0 ? '' : `; ${records} record${records === 1 ? ' is' : 's are'} missing`}.`,
    hint: 'Ask again with a longer `wait`, or without `at-least` for what it reflects now.',
    details: { view: name, waitMs, behind },
    retryable: true,
  });
}
