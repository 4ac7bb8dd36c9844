import type { Reporter, TestCase, TestModule, TestRunEndReason } from 'vitest/node';

/**
 * Prints a line that begins with `failed:` for each failing test (what failed, where, with what message) with the command that runs just that test, such a line for
 * each file that could not be run and for each error outside a test, one that begins with `unsteady:` for each test that passed at a second try only, and closes the run with `N passed, N failed[, N skipped]`, the line by which a run is judged.
 * `.ci/run` repeats the lines at its very end.
 */
export default class PlainSummary implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[], _reason: TestRunEndReason): void {
    let passed = 0;
    let skipped = 0;
    const failed: TestCase[] = [];
    const unsteady: TestCase[] = [];
    const broken: string[] = [];
    for (const module of modules) {
      let failures = 0;
      for (const test of module.children.allTests()) {
        const state = test.result().state;
        if (state === 'passed') {
          passed++;
          if (test.diagnostic()?.flaky === true) unsteady.push(test);
        } else if (state === 'skipped') skipped++;
        else {
          failed.push(test);
          failures++;
        }
      }
      if (!module.ok() && failures === 0)
        broken.push(`${module.relativeModuleId}: ${firstLine(module.errors()[0] ?? 'could not be run')}`);
    }
    for (const [outcome, tests] of [
      ['failed', failed],
      ['unsteady', unsteady],
    ] as const)
      for (const test of tests) process.stdout.write(linesOf(outcome, test));
    for (const line of broken) process.stdout.write(`failed: ${line}\n`);
    for (const error of errors) process.stdout.write(`failed: outside a test: ${firstLine(error)}\n`);
    const total = failed.length + broken.length + errors.length;
    process.stdout.write(`\n${passed} passed, ${total} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`);
  }
}

/** What became of a test and why, and how to run just that test. */
function linesOf(outcome: string, test: TestCase): string {
  const { fullName, module, project } = test;
  const title = fullName.replace(/ > /g, ' ').replace(/[^\w \-]/g, '.');
  const [error] = test.result().errors ?? [];
  const file = module.relativeModuleId;
  return `${outcome}: ${file} > ${fullName}: ${firstLine(error ?? 'no message')}\nrun just this: npx vitest run --project ${project.name} ${file} -t "${title}"\n`;
}

/** The first line of what an error says. */
function firstLine(error: unknown): string {
  const message = typeof error === 'object' && error !== null && 'message' in error ? error.message : error;
  return String(message).split('\n', 1)[0] ?? '';
}
