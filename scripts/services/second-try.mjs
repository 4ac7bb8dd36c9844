/** A second try of the files in which a run of vitest failed. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { firstLine, temporaryDirectory } from './service-process.mjs';
import { failedFiles, linesOf, verdictOf } from './test-outcome.mjs';

/** More files than this fail of a defect and not of a busy machine. */
const MOST_FILES = 10;

/**
 * Runs tests, and the files in which some failed once more, one after another, and tells what both runs come to. A test that fails again has failed; what
 * passes at the second try is told as unsteady: it does not lose the rest, and is a defect to be looked for. There is no second try after more than
 * 10 files failed, nor after a run that a signal ended.
 * @param {(args: readonly string[], outcomeFile: string) => Promise<number>} run runs vitest with these arguments, against services of its own, and
 * WEIR_TEST_OUTCOME; answers its exit code
 * @param {readonly string[]} args filters and options of the first run; the second has the options
 * @returns {Promise<number>} the exit code
 */
export async function withSecondTry(run, args) {
  const home = temporaryDirectory('weir-outcome-');
  try {
    const first = await ran(run, args, join(home.path, 'first.json'));
    const files = first.code === 1 && first.outcome !== undefined ? failedFiles(first.outcome) : [];
    if (files.length === 0) return told(first);
    if (files.length > MOST_FILES) {
      console.log(`\nno second try: ${files.length} files failed, and more than ${MOST_FILES} are no unsteadiness`);
      return told(first);
    }
    console.log(`\ntried again, one file after another: ${files.join(' ')}`);
    const options = await withoutFilters(args);
    const again = [...options, '--no-file-parallelism', ...files];
    const second = await ran(run, again, join(home.path, 'second.json')).catch((error) => {
      console.log(`the second try did not begin: ${firstLine(error)}`);
      return { code: 1 };
    });
    return told(first, second);
  } finally {
    home.remove();
  }
}

/** One run, and what became of it: undefined where vitest could not say. */
async function ran(run, args, outcomeFile) {
  const code = await run(args, outcomeFile);
  return { code, outcome: existsSync(outcomeFile) ? JSON.parse(readFileSync(outcomeFile, 'utf8')) : undefined };
}

/** Prints the lines that close the run. @returns {number} the exit code */
function told(first, second) {
  const { code } = second ?? first;
  // A suite that cannot run on this machine has said so.
  if (code === 0 && first.outcome === undefined) return 0;
  const verdict = verdictOf(first.outcome ?? { files: [], errors: [] }, second?.outcome);
  // Nothing that ended badly ends well here, whatever the reason.
  if (code !== 0 && verdict.failed.length === 0) verdict.failed.push(`no test, and yet the run ended with ${code}`);
  for (const line of linesOf(verdict)) console.log(line);
  return code > 128 ? code : Number(verdict.failed.length > 0);
}

/** Options of a command line of vitest without the names of files. */
async function withoutFilters(args) {
  const { parseCLI } = await import('vitest/node');
  const { filter } = parseCLI(['vitest', 'run', ...args]);
  return args.filter((one) => !filter.includes(one));
}
