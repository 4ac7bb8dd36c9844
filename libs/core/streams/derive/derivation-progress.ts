import { AppError } from '#libs/core/kernel';
import type { LogEngine, LogWriter } from '#libs/core/log';
import type { SourcePosition } from '../source-reader.js';
import type { DerivationDefinition } from './derivation.js';
import { type Erasure, erasuresOf, erasuresToBytes } from './erased-keys.js';
import { type HistoryStatement, statementAt } from './history-statement.js';

/** What became of the records of the source so far. Kept with the position, in the log. */
export interface DerivationCounts {
  readonly read: number;
  readonly written: number;
  /** Older than what their key had. */
  readonly late: number;
  /** Changed nothing: equal state, or a tombstone of an ended key. */
  readonly same: number;
  /** Same version, other content: which one counts is the policy's. */
  readonly conflicts: number;
  readonly nullKeys: number;
  /** Without a version, or undecodable. */
  readonly refused: number;
  /** Passed over when it was computed anew, since their keys were erased after they had been read. */
  readonly erased: number;
}

export const NO_COUNTS: DerivationCounts = {
  read: 0,
  written: 0,
  late: 0,
  same: 0,
  conflicts: 0,
  nullKeys: 0,
  refused: 0,
  erased: 0,
};

/** Where a derivation stands, as its writer's last commit says. */
export interface DerivationProgress {
  readonly position: SourcePosition;
  readonly counts: DerivationCounts;
  /** First offset of each partition that was there to be read when it began: what came before is not in the result. */
  readonly historyStart: readonly number[];
  readonly history: HistoryStatement;
}

/** Keys of what a generation of a derivation keeps in its writer's session. */
const PROGRESS = 'progress';
const ERASED = 'erased';
const CLOSED = 'closed';

type Named = Pick<DerivationDefinition, 'id'>;

/** The id of the writer session that fills a generation of a derivation. */
export const writerIdOf = ({ id }: Named, generation: number): string =>
  generation === 1 ? `derivation-${id}` : `derivation-${id}-g${generation}`;

/** Progress as a checkpoint, to be committed with the output. */
export const progressCheckpoint = (progress: DerivationProgress): { readonly key: string; readonly value: Buffer } => ({
  key: PROGRESS,
  value: Buffer.from(JSON.stringify(progress)),
});

/** What a session says of its generation: where it stands, undefined before its first commit, and which keys were erased. */
export interface KnownGeneration {
  readonly progress: DerivationProgress | undefined;
  readonly erasures: readonly Erasure[];
}

/** @throws `derivation-closed` while an operation has closed the generation. */
export function generationIn(writer: LogWriter, name: string): KnownGeneration {
  if (writer.checkpoint(CLOSED) !== undefined) throw generationClosed(name);
  return knownIn(writer);
}

const knownIn = (writer: LogWriter): KnownGeneration => ({
  progress: progressOf(writer.checkpoint(PROGRESS)),
  erasures: erasuresOf(writer.checkpoint(ERASED)),
});

function progressOf(bytes: Uint8Array | undefined): DerivationProgress | undefined {
  if (bytes === undefined) return undefined;
  const stored = JSON.parse(Buffer.from(bytes).toString('utf8')) as Omit<DerivationProgress, 'history'> &
    Partial<Pick<DerivationProgress, 'history'>>;
  return {
    ...stored,
    counts: { ...NO_COUNTS, ...stored.counts },
    // Written before histories were told: what is missing is known from here on.
    history: stored.history ?? statementAt({ generation: 0, next: stored.historyStart }),
  };
}

/**
 * What the last commit of a derivation says. Opens its writer session, which ends a worker that runs elsewhere: it starts again by itself, and what it had
 * committed is what this answers.
 */
export async function storedGeneration(
  engine: LogEngine,
  definition: Named,
  generation: number,
): Promise<KnownGeneration> {
  return await inSession(engine, definition, generation, (writer) => Promise.resolve(knownIn(writer)));
}

/** Where the last commit of a derivation stands. As {@link storedGeneration}. */
export async function storedProgress(
  engine: LogEngine,
  definition: Named,
  generation: number,
): Promise<DerivationProgress | undefined> {
  return (await storedGeneration(engine, definition, generation)).progress;
}

/** Asked with the session open: from then on whoever goes on elsewhere ends it. @throws where the work is no longer this one's. */
export type StillOurs = () => Promise<void>;

/** Gives a generation what another one knows, in one commit. May be repeated. */
export async function giveGeneration(
  engine: LogEngine,
  definition: Named,
  generation: number,
  { progress, erasures }: KnownGeneration,
  stillOurs?: StillOurs,
): Promise<void> {
  const checkpoints = [
    ...(progress === undefined ? [] : [progressCheckpoint(progress)]),
    ...(erasures.length === 0 ? [] : [{ key: ERASED, value: erasuresToBytes(erasures) }]),
  ];
  if (checkpoints.length === 0) return;
  await inSession(engine, definition, generation, async (writer) => {
    await stillOurs?.();
    await writer.commit({ checkpoints });
  });
}

/**
 * Ends the computing of a generation until {@link reopenGeneration}: a worker that opens it is refused, whichever instance it runs in. Answers what it knows, which is its last word. May be
 * repeated.
 */
export async function closeGeneration(
  engine: LogEngine,
  definition: Named,
  generation: number,
  stillOurs: StillOurs,
): Promise<KnownGeneration> {
  return await inSession(engine, definition, generation, async (writer) => {
    await stillOurs();
    if (writer.checkpoint(CLOSED) === undefined)
      await writer.commit({ checkpoints: [{ key: CLOSED, value: Buffer.from('closed') }] });
    return knownIn(writer);
  });
}

/** Lets a generation be computed further. May be repeated. */
export async function reopenGeneration(engine: LogEngine, definition: Named, generation: number): Promise<void> {
  await inSession(engine, definition, generation, async (writer) => {
    if (writer.checkpoint(CLOSED) !== undefined) await writer.commit({ checkpoints: [{ key: CLOSED, value: null }] });
  });
}

/** Forgets where a generation of a derivation stands. Opening its session also ends a worker that runs elsewhere. May be repeated. */
export async function forgetProgress(engine: LogEngine, definition: Named, generation: number): Promise<void> {
  const writer = await engine.openWriter(writerIdOf(definition, generation));
  await writer.forget();
}

async function inSession<T>(
  engine: LogEngine,
  definition: Named,
  generation: number,
  work: (writer: LogWriter) => Promise<T>,
): Promise<T> {
  const writer = await engine.openWriter(writerIdOf(definition, generation));
  try {
    return await work(writer);
  } finally {
    await writer.close();
  }
}

function generationClosed(name: string): AppError {
  return new AppError({
    kind: 'conflict',
    code: 'derivation-closed',
    message: `The stream '${name}' rests while an operation gives it another generation.`,
    retryable: true,
    details: { derivation: name },
  });
}
