import { execFile } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterEach, beforeEach, describe, expect, it, type MockInstance, vi } from 'vitest';
import { withSecondTry } from './second-try.mjs';
import type { FileResult, Outcome, TestResult } from './test-outcome.mjs';

const test = (name: string, state: TestResult['state'] = 'passed'): TestResult => ({ name, state });
const failing = (name: string, message: string): TestResult => ({ name, state: 'failed', message });
const file = (name: string, ...tests: readonly TestResult[]): FileResult => ({ project: 'p', file: name, tests });
const files = (...list: readonly FileResult[]): Outcome => ({ files: list, errors: [] });
const stray = (message: string, ...suspects: readonly string[]): Outcome['errors'] => [{ message, files: suspects }];

/** What a run comes to: an exit code, or what it writes as its outcome. */
type Run = Outcome | number | Error;

describe('a second try', () => {
  let log: MockInstance<typeof console.log>;
  beforeEach(() => {
    log = vi.spyOn(console, 'log').mockImplementation(() => undefined);
  });
  afterEach(() => {
    log.mockRestore();
  });

  /** The lines by which it is judged, its exit code, and the arguments of each run. */
  async function tried(runs: readonly Run[], args: readonly string[] = []) {
    const given: (readonly string[])[] = [];
    const code = await withSecondTry(async (now, outcomeFile) => {
      const outcome = runs[given.push(now) - 1]!;
      if (outcome instanceof Error) throw outcome;
      if (typeof outcome === 'number') return outcome;
      writeFileSync(outcomeFile, JSON.stringify(outcome));
      const failed = outcome.files.some((one) => one.broken !== undefined || one.tests.some(isFailed));
      return Number(failed || outcome.errors.length > 0);
    }, args);
    const lines = log.mock.calls.map(([line]) => String(line));
    return { code, runs: given, lines: lines.filter((line) => /^(failed|unsteady|\d+ passed)/.test(line)) };
  }
  const isFailed = (one: TestResult): boolean => one.state === 'failed';

  it('is not made of what passed', async () => {
    const { code, runs, lines } = await tried([files(file('a', test('1'), test('2', 'skipped')))]);
    expect([code, runs.length, lines]).toEqual([0, 1, ['1 passed, 0 failed, 1 skipped']]);
  });

  it('is made of the files that failed, one after another, with the options of the first', async () => {
    const first = files(file('a', failing('1', 'no')), file('b', test('1')), { ...file('c'), broken: 'no' });
    const second = files(file('a', test('1')), file('c', test('1')));
    const { code, runs, lines } = await tried([first, second], ['some/filter', '-t', 'name', 'a']);
    expect(runs[1]).toEqual(['-t', 'name', '--no-file-parallelism', 'a', 'c']);
    expect(lines).toEqual(['unsteady: a > 1: no', 'unsteady: c: no', '3 passed, 0 failed']);
    expect(code).toBe(0);
  });

  it('counts each test once, as its last run had it; what fails again has failed', async () => {
    const first = files(file('a', test('1'), failing('2', 'no'), failing('3', 'never')), file('b', test('1')));
    const second = files(file('a', test('1'), test('2'), failing('3', 'never again')));
    const { code, lines } = await tried([first, second]);
    expect(lines).toEqual(['failed: a > 3: never again', 'unsteady: a > 2: no', '3 passed, 1 failed']);
    expect(code).toBe(1);
  });

  it('tells tests of one name apart', async () => {
    const first = files(file('a', failing('same', 'one'), failing('same', 'two'), test('same')));
    const second = files(file('a', test('same'), failing('same', 'two again'), test('same')));
    const { lines } = await tried([first, second]);
    expect(lines).toEqual(['failed: a > same: two again', 'unsteady: a > same: one', '2 passed, 1 failed']);
  });

  it.each<[string, Outcome]>([
    ['is skipped', files(file('a', test('1', 'skipped')))],
    ['is not there', files(file('a'))],
    ['is in a file that is not there', files()],
  ])('takes what %s then for failed', async (_, second) => {
    const { code, lines } = await tried([files(file('a', failing('1', 'no'))), second]);
    expect([code, lines[0]]).toEqual([1, 'failed: a > 1: no']);
  });

  it('takes what fails then for failed, though it passed before', async () => {
    const first = files(file('a', failing('1', 'no'), test('2')));
    const { code, lines } = await tried([first, files(file('a', test('1'), failing('2', 'new')))]);
    expect(lines).toEqual(['failed: a > 2: new', 'unsteady: a > 1: no', '1 passed, 1 failed']);
    expect(code).toBe(1);
  });

  it('takes a file that cannot be run then for failed, and what failed in it before too', async () => {
    const second = files({ ...file('a', test('1', 'skipped')), broken: 'no broker' });
    const { lines } = await tried([files(file('a', failing('1', 'no'))), second]);
    expect(lines).toEqual(['failed: a: no broker', 'failed: a > 1: no', '0 passed, 2 failed, 1 skipped']);
  });

  it('keeps what was unsteady in the first run', async () => {
    const first = files(
      file('a', { ...test('1'), unsteady: true, message: 'late' }, failing('2', 'no')),
      file('b', { ...test('1'), unsteady: true, message: 'later' }),
    );
    const { lines } = await tried([first, files(file('a', test('1'), test('2')))]);
    expect(lines).toEqual([
      'unsteady: b > 1: later',
      'unsteady: a > 2: no',
      'unsteady: a > 1: late',
      '3 passed, 0 failed',
    ]);
  });

  describe('after an error outside a test', () => {
    const calm = [file('a', test('1')), file('b', test('1'))];

    it('is made of the files it may have come from', async () => {
      const { code, runs, lines } = await tried([{ files: calm, errors: stray('left', 'a', 'b') }, files(...calm)]);
      expect(runs[1]).toEqual(['--no-file-parallelism', 'a', 'b']);
      expect([code, lines]).toEqual([0, ['unsteady: outside a test: left', '2 passed, 0 failed']]);
    });

    it.each([
      ['there again', 'left', ['failed: outside a test: left', '2 passed, 1 failed']],
      [
        'followed by another',
        'other',
        ['failed: outside a test: other', 'unsteady: outside a test: left', '2 passed, 1 failed'],
      ],
    ])('fails when it is %s', async (_, message, expected) => {
      const first = { files: calm, errors: stray('left', 'a') };
      const { code, lines } = await tried([first, { files: [calm[0]!], errors: stray(message) }]);
      expect([code, lines]).toEqual([1, expected]);
    });

    it('of which nobody knows the file, cannot mend it', async () => {
      const first = { files: [file('a', failing('1', 'no')), calm[1]!], errors: stray('left') };
      const { code, lines } = await tried([first, files(calm[0]!)]);
      expect(lines).toEqual(['failed: outside a test: left', 'unsteady: a > 1: no', '2 passed, 1 failed']);
      expect(code).toBe(1);
      expect((await tried([{ files: calm, errors: stray('left') }])).runs).toHaveLength(1);
    });
  });

  it('is not made when more than ten files failed', async () => {
    const many = (count: number) =>
      files(...Array.from({ length: count }, (_, n) => file(`f${n}`, failing('1', 'no'))));
    const { code, runs, lines } = await tried([many(11)]);
    expect([code, runs.length, lines.at(-1)]).toEqual([1, 1, '0 passed, 11 failed']);
    expect((await tried([many(10), many(0)])).runs).toHaveLength(2);
  });

  it.each<[string, Run, number]>([
    ['is not made of a run that a signal ended', 130, 130],
    ['is not made of a run that ended before it could tell', 1, 1],
    ['is not made of a run that failed without a failed test', 7, 7],
  ])('%s', async (_, run, code) => {
    const outcome = await tried([run]);
    expect(outcome.runs).toHaveLength(1);
    expect(outcome.lines.at(-1)).toBe('0 passed, 1 failed');
    expect(outcome.code).toBe(code > 128 ? code : 1);
  });

  it('says nothing of a suite that cannot run on this machine', async () => {
    expect(await tried([0])).toMatchObject({ code: 0, lines: [] });
  });

  it.each<[string, Run]>([
    ['does not begin', new Error('no broker')],
    ['ends before it can tell', 1],
    ['cannot run on this machine', 0],
  ])('that %s mends nothing', async (_, second) => {
    const { code, lines } = await tried([files(file('a', failing('1', 'no'), test('2'))), second]);
    expect([code, lines]).toEqual([1, ['failed: a > 1: no', '1 passed, 1 failed']]);
  });

  it('by vitest, of files of which some fail always, some once: against services of its own', async () => {
    const directory = fileURLToPath(new URL('./testing/second-try', import.meta.url));
    const inherited = Object.entries(process.env).filter(([name]) => !/^(VITEST|WEIR_TEST_OUTCOME|NODE_V8)/.test(name));
    const env = { ...Object.fromEntries(inherited), CI: '1', NO_COLOR: '1' };
    const args = [`${directory}/suite.mjs`, '--root', directory, 'calm', 'once', 'always', 'stray', 'unloadable'];
    const { code, lines } = await new Promise<{ code: unknown; lines: string[] }>((resolve) => {
      execFile(process.execPath, args, { env }, (error, stdout) =>
        resolve({ code: error?.code ?? 0, lines: stdout.split('\n') }),
      );
    });
    const told = lines.filter((line) => /^(start|stop|tried|failed|unsteady|fixture:|\d+ passed)/.test(line));
    expect(told).toEqual([
      'fixture: start 1',
      'stop 1',
      expect.stringMatching(/^tried again, one file after another: (?!.*calm)/) as string,
      'fixture: start 2',
      'stop 2',
      expect.stringMatching(/^failed: always.fixture.ts > fails whatever is tried: expected '2' to be '3'/) as string,
      'failed: outside a test: left behind again',
      expect.stringMatching(/^unsteady: always.fixture.ts > fails against the service of the first try: /) as string,
      expect.stringMatching(/^unsteady: once.fixture.ts > fails against the service of the first try: /) as string,
      'unsteady: unloadable-once.fixture.ts: cannot be loaded',
      'unsteady: outside a test: left behind',
      '9 passed, 2 failed, 2 skipped',
    ]);
    expect(code).toBe(1);
  });
});
