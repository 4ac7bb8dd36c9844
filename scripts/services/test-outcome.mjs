/** What became of a run of tests, what becomes of it by a second try of the files in which it failed, and how that is told. */

/**
 * @typedef {{name: string, state: 'passed' | 'failed' | 'skipped', unsteady?: boolean, message?: string, again?: string}} TestResult
 * `unsteady` passed, but not at once; `message` is the first line of its error; `again` the command that runs just this.
 * @typedef {{project: string, file: string, tests: readonly TestResult[], broken?: string}} FileResult `broken` when the file failed and no test of it did
 * @typedef {{message: string, files: readonly string[]}} StrayError an error outside a test, and the files it may have come from: none when nobody knows
 * @typedef {{files: readonly FileResult[], errors: readonly StrayError[]}} Outcome of one run
 * @typedef {{passed: number, skipped: number, failed: string[], unsteady: string[]}} Verdict `failed` and `unsteady` hold what is told of each
 */

/**
 * The files to which a failure belongs.
 * @param {Outcome} outcome
 * @returns {string[]} each once, in the order they were run
 */
export function failedFiles({ files, errors }) {
  const strays = new Set(errors.flatMap((one) => one.files));
  const failed = files.filter((one) => strays.has(one.file) || failuresOf(one).length > 0);
  return [...new Set(failed.map((one) => one.file))];
}

/**
 * What a run comes to, after a second try of some of its files when there was one. What a file shows at its last run counts, each test once. What failed and
 * passed at the second try is unsteady; what was not seen to pass there failed, and so did every error outside a test that came then.
 * @param {Outcome} first
 * @param {Outcome} [second]
 * @returns {Verdict}
 */
export function verdictOf(first, second) {
  const again = new Map((second?.files ?? []).map((one) => [keyOf(one), one]));
  const last = first.files.map((one) => again.get(keyOf(one)) ?? one);
  const failed = new Map(last.flatMap(failuresOf));
  const unsteady = new Map(last.flatMap(unsteadyOf));
  for (const file of first.files) {
    const later = again.get(keyOf(file));
    if (later === undefined) continue;
    const passed = passedIn(later);
    for (const [id, text] of [...failuresOf(file), ...unsteadyOf(file)]) {
      if (!failed.has(id)) (passed.has(id) ? unsteady : failed).set(id, text);
    }
  }
  const verdict = {
    passed: count(last, 'passed'),
    skipped: count(last, 'skipped'),
    failed: [...failed.values()],
    unsteady: [...unsteady.values()],
  };
  for (const { message } of (second ?? first).errors) verdict.failed.push(strayText(message));
  if (second === undefined) return verdict;
  const files = new Set(second.files.map((one) => one.file));
  for (const { message, files: suspects } of first.errors) {
    if (second.errors.some((one) => one.message === message)) continue;
    const tried = suspects.length > 0 && suspects.every((one) => files.has(one));
    (tried ? verdict.unsteady : verdict.failed).push(strayText(message));
  }
  return verdict;
}

/**
 * The lines that close a run. The last is the one by which it is judged; those before it begin with `failed: `, `unsteady: ` or `run just this: `.
 * @param {Verdict} verdict
 * @returns {string[]}
 */
export function linesOf({ passed, skipped, failed, unsteady }) {
  return [
    ...failed.map((text) => `failed: ${text}`),
    ...unsteady.map((text) => `unsteady: ${text}`),
    '',
    `${passed} passed, ${failed.length} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`,
  ];
}

const keyOf = ({ project, file }) => `${project} ${file}`;
const strayText = (message) => `outside a test: ${message}`;
const count = (files, state) => files.flatMap((one) => one.tests).filter((one) => one.state === state).length;

/** The tests of a file, each with an id: names may be there more than once, in an order that is the same in every run. */
function identified(file) {
  const seen = new Map();
  return file.tests.map((test) => {
    const nth = (seen.get(test.name) ?? 0) + 1;
    seen.set(test.name, nth);
    return [`${keyOf(file)} > ${test.name} #${nth}`, test];
  });
}

/** Id and text of what failed in a file. The file itself has its key for an id. */
function failuresOf(file) {
  const failed = told(file, (one) => one.state === 'failed');
  return file.broken === undefined ? failed : [...failed, [keyOf(file), `${file.file}: ${file.broken}`]];
}

function unsteadyOf(file) {
  return told(file, (one) => one.unsteady === true);
}

function told(file, which) {
  return identified(file)
    .filter(([, test]) => which(test))
    .map(([id, { name, message, again }]) => {
      const text = `${file.file} > ${name}: ${message ?? 'no message'}`;
      return [id, again === undefined ? text : `${text}\nrun just this: ${again}`];
    });
}

/** Ids of what passed in a file. */
function passedIn(file) {
  const passed = identified(file).filter(([, test]) => test.state === 'passed');
  return new Set([...passed.map(([id]) => id), ...(file.broken === undefined ? [keyOf(file)] : [])]);
}
