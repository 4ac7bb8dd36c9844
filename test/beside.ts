/**
 * Goes on with something while others work, and then, whatever became of it, has them end and waits for them: what is left at work when a test fails meets closed
 * engines and dead brokers, and fails outside a test.
 * @param working what goes on until `end` is called
 * @returns what each of them ended with; rejects with what one of them failed of, before what `meanwhile` failed of: that may have waited for it in vain
 */
export async function beside<T>(
  working: readonly Promise<T>[],
  end: () => void,
  meanwhile: () => Promise<void>,
): Promise<T[]> {
  // Held at once, so that one that fails early is no rejection that nobody waits for.
  const ended = Promise.allSettled(working);
  try {
    await meanwhile();
  } finally {
    end();
    await ended;
    await Promise.all(working);
  }
  return await Promise.all(working);
}
