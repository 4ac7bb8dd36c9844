import { isAppError, type AppError } from '#libs/core/kernel';
import { formatPositionToken, type Produced, type ProduceOutcome } from '#libs/core/log';
import type { ProducedView } from './record-shapes.js';

/** When nothing at all was written for one and the same reason, that is the answer; otherwise each record has its own. */
export function producedOf(produced: Produced): ProducedView {
  const errors = produced.outcomes.flatMap((outcome) => ('error' in outcome ? [outcome.error] : []));
  const first: AppError | undefined = errors[0];
  if (
    first !== undefined &&
    errors.length === produced.outcomes.length &&
    errors.every((error) => isAppError(error, first.code))
  )
    throw first;
  return {
    results: produced.outcomes.map(resultOf),
    failed: errors.length,
    durability: produced.durability ?? null,
    token: produced.token === undefined ? null : formatPositionToken(produced.token),
  };
}

/** What became of one record, on the wire. */
export function resultOf(outcome: ProduceOutcome): ProducedView['results'][number] {
  return 'error' in outcome
    ? { error: errorOf(outcome.error) }
    : { partition: outcome.partition, offset: String(outcome.offset) };
}

export function errorOf({ code, message, retryable }: AppError): { code: string; message: string; retryable: boolean } {
  return { code, message, retryable };
}
