import { writeFileSync } from 'node:fs';
import type { Reporter, TestCase, TestModule, TestRunEndReason } from 'vitest/node';
import { type FileResult, linesOf, type StrayError, type TestResult, verdictOf } from './services/test-outcome.mjs';

/** So many files run at a time, `maxWorkers` of vitest.config.ts. */
const WORKERS = 2;

/** For a test that is there in some draws only. */
const DRAWN = process.env['WEIR_TEST_DRAW'] === undefined ? '' : `WEIR_TEST_DRAW=${process.env['WEIR_TEST_DRAW']} `;

/**
 * Prints a line that begins with `failed:` for each failing test (what failed, where, with what message) with the command that runs just that test, such a line for
 * each file that could not be run and for each error outside a test, one that begins with `unsteady:` for each test that passed at a second try only, and closes the run with `N passed, N failed[, N skipped]`, the line by which a run is judged.
 * `.ci/run` repeats the lines at its very end.
 *
 * With WEIR_TEST_OUTCOME it prints nothing and writes what became of the run into the file of that name, for `services/second-try.mjs`, which has the last word.
 */
export default class PlainSummary implements Reporter {
  readonly #ended: string[] = [];
  /** By file, those that ended last before it began. */
  readonly #before = new Map<string, readonly string[]>();

  onTestModuleStart({ moduleId }: TestModule): void {
    this.#before.set(moduleId, this.#ended.slice(-WORKERS));
  }

  onTestModuleEnd({ moduleId }: TestModule): void {
    this.#ended.push(moduleId);
  }

  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[], _reason: TestRunEndReason): void {
    const files = modules.map(fileResult);
    const names = new Map(modules.map((one) => [one.moduleId, one.relativeModuleId]));
    const outcome = { files, errors: errors.map((one) => this.#strayError(one, names)) };
    const path = process.env['WEIR_TEST_OUTCOME'];
    if (path === undefined) process.stdout.write(`${linesOf(verdictOf(outcome)).join('\n')}\n`);
    else writeFileSync(path, JSON.stringify(outcome));
  }

  /** What is told as the file of an error is the one at work when it came. Files share a worker, so that one before it may have left behind what failed. */
  #strayError(error: unknown, names: ReadonlyMap<string, string>): StrayError {
    const at = typeof error === 'object' && error !== null && 'VITEST_TEST_PATH' in error && error.VITEST_TEST_PATH;
    const suspects = typeof at === 'string' && names.has(at) ? [...(this.#before.get(at) ?? []), at] : [];
    return { message: firstLine(error), files: suspects.map((one) => names.get(one)!) };
  }
}

function fileResult(module: TestModule): FileResult {
  const { project, relativeModuleId: file } = module;
  const tests = [...module.children.allTests()].map(testResult);
  const isBroken = !module.ok() && tests.every((one) => one.state !== 'failed');
  const broken = isBroken ? { broken: firstLine(module.errors()[0] ?? 'could not be run') } : {};
  return { project: project.name, file, tests, ...broken };
}

function testResult(test: TestCase): TestResult {
  const { fullName: name, module, project } = test;
  const { state, errors } = test.result();
  if (state === 'skipped') return { name, state };
  const unsteady = state === 'passed' && test.diagnostic()?.flaky === true;
  if (state === 'passed' && !unsteady) return { name, state };
  const title = name.replace(/ > /g, ' ').replace(/[^\w \-]/g, '.');
  return {
    name,
    state: state === 'passed' ? state : 'failed',
    unsteady,
    message: firstLine(errors?.[0] ?? 'no message'),
    again: `${DRAWN}npx vitest run --project ${project.name} ${module.relativeModuleId} -t "${title}"`,
  };
}

/** The first line of what an error says. */
function firstLine(error: unknown): string {
  const message = typeof error === 'object' && error !== null && 'message' in error ? error.message : error;
  return String(message).split('\n', 1)[0] ?? '';
}
