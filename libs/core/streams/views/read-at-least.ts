import { AppError, linkSignals, type Clock } from '#libs/core/kernel';
import type { PositionToken } from '#libs/core/log';
import { generationInLog, readerGeneration } from '../reader-place.js';
import { sourcesOf, type ViewDefinition } from './view-definition.js';
import type { StoredView } from './view-store.js';
import type { ViewPositions, ViewTables } from './view-tables.js';
import type { ViewWorker } from './view-worker.js';

/** What a read is to reflect: the tokens that writes returned, and how long to wait until it does. */
export interface ReadAtLeast {
  readonly tokens: readonly PositionToken[];
  readonly waitMs: number;
}

/** A token, and the source of the view that it is of, by its place. */
export interface SourceToken {
  readonly source: number;
  readonly token: PositionToken;
}

/** A view that is waited for. */
export interface AwaitedView {
  readonly view: StoredView;
  readonly definition: ViewDefinition;
  readonly tables: ViewTables;
  readonly clock: Clock;
  /** The worker of this instance that writes it, if there is one. */
  readonly worker: ViewWorker | undefined;
}

/** Between looks at the tables while a read waits. */
const LONGEST_PAUSE_MS = 25;
/** Why a pause ends that is not needed any more. An error made for each would be a good part of what a wait costs. */
const WOKEN = new Error('the step that was waited for has been stored');

/**
 * Resolves when a view reflects what a read asks for.
 * @throws `view-behind` when it does not in time.
 */
export async function untilReflected(
  awaited: AwaitedView,
  { tokens, waitMs }: Omit<ReadAtLeast, 'tokens'> & { readonly tokens: readonly SourceToken[] },
  signal?: AbortSignal,
): Promise<void> {
  const { view, definition, tables, clock, worker } = awaited;
  const sources = sourcesOf(definition);
  const wanted = tokens.map(({ source, token }) => {
    // The topic may have been written in another log, or by another name: the view reads it there when it comes to that.
    const generation = readerGeneration({ logId: view.logId, topic: sources[source]! }, token, token.generation);
    return { source, token: { ...token, generation } };
  });
  const deadline = clock.monotonic() + waitMs;
  let woken = true;
  for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
    // A worker of this instance says by itself what it has stored; of one elsewhere only the tables tell.
    const told = woken ? worker?.positions : undefined;
    const positions = told ?? (await tables.positions(view.id, definition));
    const missing = wanted.filter(({ source, token }) => !covers(positions, source, token));
    if (missing.length === 0) return;
    const leftMs = deadline - clock.monotonic();
    if (leftMs <= 0) throw viewBehind(view.name, waitMs, positions, missing);
    woken = await stepOr(awaited, Math.min(told === undefined ? pauseMs : LONGEST_PAUSE_MS, leftMs), signal);
  }
}

/** Waits for the next step of the worker, or so long. @returns whether there was a step. */
async function stepOr({ clock, worker }: AwaitedView, pauseMs: number, signal?: AbortSignal): Promise<boolean> {
  const waking = linkSignals(...(signal === undefined ? [] : [signal]));
  const pause = clock.sleep(pauseMs, waking.signal).then(() => false);
  try {
    return await (worker === undefined ? pause : Promise.race([worker.nextStep().then(() => true), pause]));
  } finally {
    waking.unlink();
    waking.abort(WOKEN);
    pause.catch(() => undefined);
  }
}

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
        wanted: { generation: generationInLog(token.generation), next: String(next) },
        reached:
          at === undefined
            ? null
            : { generation: generationInLog(at.generation), next: String(at.next[partition] ?? 0) },
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

/** The answer to a token of something that the view does not read. */
export function tokenNotOfView(name: string, topic: string): AppError {
  return new AppError({
    kind: 'invalid',
    code: 'token-not-of-view',
    message: `The position token is of topic '${topic}', which view '${name}' does not read.`,
    details: { view: name, topic },
  });
}
