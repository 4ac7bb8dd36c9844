import type { Reporter, TestCase, TestModule, TestRunEndReason } from 'vitest/node';

/**
 * Prints, for each failing test, the command that runs just that test, and closes the run with `N passed, N failed[, N skipped]`,
 * the line by which a run is judged.
 */
export default class PlainSummary implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[], _reason: TestRunEndReason): void {
    let passed = 0;
    let skipped = 0;
    const failed: TestCase[] = [];
    let broken = 0;
    for (const module of modules) {
      let failures = 0;
      for (const test of module.children.allTests()) {
        const state = test.result().state;
        if (state === 'passed') passed++;
        else if (state === 'skipped') skipped++;
        else {
          failed.push(test);
          failures++;
        }
      }
      if (!module.ok() && failures === 0) broken++;
    }
    for (const test of failed) {
      const title = test.fullName.replace(/ > /g, ' ').replace(/[^\w \-]/g, '.');
      process.stdout.write(
        `run just this: npx vitest run --project ${test.project.name} ${test.module.relativeModuleId} -t "${title}"\n`,
      );
    }
    const total = failed.length + broken + errors.length;
    process.stdout.write(`\n${passed} passed, ${total} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`);
  }
}
