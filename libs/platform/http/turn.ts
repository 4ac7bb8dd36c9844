const waiting: (() => void)[] = [];

/**
 * Resolves when everything else has had its turn: what has arrived is read, timers that are due have run. Of those that wait, one goes on in each round of the event
 * loop, in the order of asking, so that a round takes as long as a turn of one of them, however many there are.
 */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    if (waiting.push(resolve) === 1) setImmediate(next);
  });
}

function next(): void {
  waiting.shift()?.();
  if (waiting.length > 0) setImmediate(next);
}
