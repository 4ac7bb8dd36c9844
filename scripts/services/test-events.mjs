/** What becomes of the tests of a program that is not vitest. */

/**
 * Takes events as `go test -json` writes them, one JSON object a line: `{"Action": "output" | "pass" | "fail", "Test": …, "Output": …}`. A test that has
 * others below it (`Parent/child`) only groups them, and is neither counted nor shown. A skipped one failed: nothing is left out in silence.
 */
export class TestEvents {
  /** @type {Map<string, string>} by test, what ended it */
  #ended = new Map();
  /** @type {Map<string, string>} by test; under the empty name what belongs to none */
  #output = new Map();

  /** @param {string} line of the program's output, an event or anything else */
  take(line) {
    const { Action: action, Test: test = '', Output: output = '' } = eventOf(line);
    if (['pass', 'fail', 'skip'].includes(action) && test !== '') this.#ended.set(test, action);
    if (output !== '') this.#output.set(test, (this.#output.get(test) ?? '') + output);
  }

  /**
   * What became of it all.
   * @param {number} code exit code of the program. One that failed without a failed test counts as a failure, and all that belongs to no test is shown.
   * @returns {{lines: string[], passed: number, failed: number}} a line for each test, with its output where it failed
   */
  summary(code) {
    const groups = new Set([...this.#ended.keys()].map((test) => test.replace(/\/[^/]*$/, '/')));
    const tests = [...this.#ended].filter(([test]) => !groups.has(`${test}/`));
    const broken = tests.filter(([, action]) => action !== 'pass');
    const lines = tests.flatMap(([test, action]) => {
      const name = test.slice(test.lastIndexOf('/') + 1).replaceAll('_', ' ');
      return action === 'pass' ? [`  ok   ${name}`] : [`  FAIL ${name}`, ...indented(this.#output.get(test) ?? action)];
    });
    const silent = code !== 0 && broken.length === 0;
    if (silent) lines.push(...indented(this.#output.get('') ?? `ended with ${code}`));
    return { lines, passed: tests.length - broken.length, failed: broken.length + Number(silent) };
  }
}

/** The compiler and a program that dies write plain text. */
function eventOf(line) {
  try {
    const event = JSON.parse(line);
    if (typeof event === 'object' && event !== null) return event;
  } catch {
    // Not an event.
  }
  return { Output: `${line}\n` };
}

function indented(text) {
  return text
    .split('\n')
    .filter((line) => line.trim() !== '' && !/^\s*(=== |--- )/.test(line))
    .map((line) => `       ${line}`);
}
