import { afterEach, describe, expect, it } from 'vitest';
import { CompactionThread } from './compaction-thread.js';

const ORDER = { from: 0, to: 10, mapBytes: 1_000, nowMs: 0, deleteRetentionMs: 0 };

/** A thread that does this with each message. */
const script = (onMessage: string): URL =>
  new URL(
    `data:text/javascript,${encodeURIComponent(
      `import { parentPort } from 'node:worker_threads'; parentPort.on('message', (request) => { ${onMessage} });`,
    )}`,
  );
const ANSWERS = 'parentPort.postMessage({ value: undefined });';

describe('the thread of compaction', () => {
  let thread: CompactionThread;
  afterEach(() => thread.close());

  it('that dies fails the pass it was at and says why; the next pass starts another', async () => {
    thread = new CompactionThread({ script: script(`if (request.do === 'known') process.exit(7); ${ANSWERS}`) });
    for (let pass = 0; pass < 2; pass++) {
      await thread.begin(ORDER);
      await expect(thread.known()).rejects.toThrow('the compaction thread ended: it left with code 7');
      await expect(thread.known()).rejects.toThrow('the compaction thread ended');
      await thread.end();
    }
  });

  it('that throws says what', async () => {
    thread = new CompactionThread({ script: script(`throw new Error('no memory for this')`) });
    await expect(thread.begin(ORDER)).rejects.toThrow('the compaction thread ended: no memory for this');
  });

  it('whose file is missing says so', async () => {
    thread = new CompactionThread({ script: new URL('./no-such-worker.js', import.meta.url) });
    await expect(thread.begin(ORDER)).rejects.toThrow(/ended: .*no-such-worker\.js/);
  });

  it('that gives no answer is ended, and the next pass starts another', async () => {
    thread = new CompactionThread({ script: script(''), answerMs: 50 });
    for (let pass = 0; pass < 2; pass++) {
      await expect(thread.begin(ORDER)).rejects.toThrow('gave no answer for 50 ms');
      await expect(thread.known()).rejects.toThrow('the compaction thread ended');
    }
  });

  it('that is busy does not hold up closing: the pass under way fails', async () => {
    thread = new CompactionThread({ script: script(`if (request.do === 'begin') ${ANSWERS} else for (;;);`) });
    await thread.begin(ORDER);
    const asked = thread.known();
    await Promise.all([expect(asked).rejects.toThrow('was closed'), thread.close()]);
  });

  it('negative control: an answer is waited for as long as it may take', async () => {
    thread = new CompactionThread({
      script: script(`if (request.do === 'known') parentPort.postMessage({ value: 4 }); else ${ANSWERS}`),
      answerMs: 30_000,
    });
    await thread.begin(ORDER);
    expect(await thread.known()).toBe(4);
  });
});
