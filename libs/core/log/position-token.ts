import { AppError } from '#libs/core/kernel';

/**
 * Where a write landed: for each partition it touched, the offset after its last record. A reader that has come this far has seen the write. Bound to
 * one log and one generation; opaque to users (base64url of versioned JSON).
 */
export interface PositionToken {
  readonly logId: string;
  readonly topic: string;
  readonly generation: number;
  /** Partition → next offset. */
  readonly positions: ReadonlyMap<number, number>;
}

/** The token as text, safe in URLs and headers. */
export function formatPositionToken(token: PositionToken): string {
  const positions = [...token.positions]
    .sort(([a], [b]) => a - b)
    .map(([partition, offset]) => [partition, String(offset)]);
  return Buffer.from(JSON.stringify([1, token.logId, token.topic, token.generation, positions])).toString('base64url');
}

/** @throws `invalid-position-token` for text that {@link formatPositionToken} did not make. */
export function parsePositionToken(text: string): PositionToken {
  let parsed: unknown;
  try {
    parsed = JSON.parse(Buffer.from(text, 'base64url').toString());
  } catch (cause) {
    throw invalidToken(cause);
  }
  if (!Array.isArray(parsed) || parsed.length !== 5 || parsed[0] !== 1) throw invalidToken();
  const [, logId, topic, generation, list] = parsed as unknown[];
  if (typeof logId !== 'string' || typeof topic !== 'string' || !isCount(generation) || !Array.isArray(list))
    throw invalidToken();
  const positions = new Map<number, number>();
  for (const entry of list as unknown[]) {
    if (!Array.isArray(entry) || entry.length !== 2 || !isCount(entry[0]) || !/^[0-9]{1,16}$/.test(String(entry[1])))
      throw invalidToken();
    positions.set(entry[0], Number(entry[1]));
  }
  return { logId, topic, generation, positions };
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
}

function invalidToken(cause?: unknown): AppError {
  return new AppError({
    kind: 'invalid',
    code: 'invalid-position-token',
    message: 'The position token cannot be read.',
    hint: 'Pass the token exactly as the answer to a produce request returned it.',
    cause,
  });
}
