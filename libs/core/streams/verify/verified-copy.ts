import type { CopyRun, LiveCopy } from '../copy/live-copy.js';
import type { Verifier } from './verification.js';

/**
 * Copies up to these source offsets and verifies behind the copy meanwhile: a copy waits for the disk, and a verification for the processor. What is left of it
 * when the copy is done, the next {@link Verifier.advance} takes in. What is found is in the verifier's result; nothing is thrown for it.
 * @throws the first failure of either, when both have ended.
 */
export async function copyVerified(
  copy: LiveCopy,
  verifier: Verifier,
  ends: readonly number[],
  run: CopyRun,
): Promise<void> {
  const failed = new AbortController();
  const signal = AbortSignal.any([run.signal, failed.signal]);
  let going = true;
  let wake = (): void => undefined;
  let first: { readonly error: unknown } | undefined;
  const end = (error: unknown): void => {
    first ??= { error };
    failed.abort(error);
  };
  const report = (live: LiveCopy): void => {
    run.report(live);
    wake();
  };
  const copying = copy
    .copyTo(ends, { ...run, signal, report })
    .catch(end)
    .finally(() => {
      going = false;
      wake();
    });
  const verify = async (): Promise<void> => {
    while (going) {
      const news = new Promise<void>((resolve) => (wake = resolve));
      await verifier.keepUp({ signal, pace: (records) => run.pace(records, 0) });
      if (going) await news;
    }
  };
  await Promise.all([copying, verify().catch(end)]);
  if (first !== undefined) throw first.error;
}
