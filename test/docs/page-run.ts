import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { ServerProcess } from '#libs/platform/testing';
import { programsOf, type Expected, type Page, type PageCommand } from './page.js';

/** The address pages write, and the service of the test takes the place of. */
const WRITTEN = 'localhost:8081';

/** Programs a page may start. `field` is the function pages define to take a member out of a JSON answer. */
const KNOWN = new Set('curl node field echo printf head base64 tr sha256sum grep sleep'.split(' '));

/** Longest a whole page may take. */
const PAGE_MS = 100_000;

/**
 * `curl` as pages use it, noting the status of each answer. Reaching the time of `--max-time` is no failure: who follows a stream with it means to leave.
 */
const CURL = String.raw`
set -o pipefail
curl() {
  local head code
  head=$(mktemp "$WEIR_STEP.XXXX")
  command curl -D "$head" "$@"
  code=$?
  sed -n 's|^HTTP/[0-9.]* \([0-9]*\).*|\1|p' "$head" | tail -n 1 >> "$WEIR_STEP.status"
  if [ "$code" -eq 28 ] && [[ " $* " == *" --max-time "* ]] && [ -s "$head" ]; then return 0; fi
  return "$code"
}
`;

/** Runs every command of a page in order, in one shell, against a service of its own. @returns what did not go as the page says, in order. */
export async function problemsOf(page: Page, npmCommands: ReadonlySet<string>, directory: string): Promise<string[]> {
  const commands = page.blocks.flatMap((block) =>
    block.commands.map((command, at) => ({
      command,
      expected: at === block.commands.length - 1 ? block.expected : undefined,
    })),
  );
  const own = commands.filter(({ command }) => !npmCommands.has(command.text));
  const unknown = own.flatMap(({ command }) =>
    programsOf(command.text)
      .filter((program) => !KNOWN.has(program))
      .map((program) => `line ${command.line}: '${program}' is no command this test knows how to run`),
  );
  // What is not known is not tried either.
  if (unknown.length > 0 || own.length === 0) return unknown;

  const work = join(directory, 'work');
  await mkdir(work, { recursive: true });
  for (const [name, text] of page.files) await writeFile(join(work, name), `${text}\n`);
  const services = new Map<string, ServerProcess>();
  /** Text of the page with the addresses of the services in the place of those that are written. */
  const addressed = (text: string): string =>
    [...services].reduce((sum, [written, { url }]) => sum.replaceAll(written, new URL(url).host), text);
  try {
    for (const [n, written] of page.others.entries()) {
      const cwd = join(directory, `other-${n}`);
      await mkdir(cwd);
      services.set(written, await ServerProcess.start({ cwd }));
    }
    const env = Object.fromEntries(Object.entries(page.env).map(([name, value]) => [name, addressed(value)]));
    services.set(WRITTEN, await ServerProcess.start({ cwd: work, env }));
    const step = (index: number): string => join(directory, `step-${index}`);
    let script = CURL;
    for (const [index, { command }] of own.entries()) {
      await writeFile(step(index), `${addressed(command.text)}\n`);
      script += `WEIR_STEP=${step(index)}; . ${step(index)} > ${step(index)}.out 2> ${step(index)}.err; echo $? > ${step(index)}.code\n`;
    }
    await writeFile(join(directory, 'page.sh'), script);
    await run(join(directory, 'page.sh'), work);
    const problems: string[] = [];
    for (const [index, { command, expected }] of own.entries()) {
      const read = (what: string): Promise<string> => readFile(`${step(index)}.${what}`, 'utf8').catch(() => '');
      const outcome = {
        code: await read('code'),
        statuses: (await read('status')).split('\n').filter(Boolean).map(Number),
        output: await read('out'),
        errors: await read('err'),
      };
      const problem = problemOf(command, expected, outcome);
      if (problem !== undefined) problems.push(`line ${command.line}: ${problem}\n  ${command.text}`);
    }
    return problems;
  } finally {
    for (const service of services.values()) await service.kill();
  }
}

interface Outcome {
  readonly code: string;
  readonly statuses: readonly number[];
  readonly output: string;
  readonly errors: string;
}

function problemOf(command: PageCommand, expected: Expected | undefined, outcome: Outcome): string | undefined {
  const { statuses, output, errors } = outcome;
  const shown = `${output.slice(0, 2_000)}${errors.slice(0, 2_000)}`;
  const code = outcome.code.trim();
  if (code === '') return 'did not come to its end';
  if (code !== '0') return `ended with ${code}: ${shown}`;
  if (programsOf(command.text).includes('curl') && statuses.length === 0) return `no HTTP answer: ${shown}`;
  for (const [at, status] of statuses.entries()) {
    const said = at === statuses.length - 1 ? command.status : undefined;
    if (said === undefined ? status < 200 || status > 299 : status !== said)
      return `answered ${status} instead of ${said ?? 'a success'}: ${shown}`;
  }
  return expected && differenceFrom(expected, output);
}

function run(script: string, cwd: string): Promise<void> {
  return new Promise((resolve) => {
    const env = { PATH: process.env['PATH'], HOME: cwd, TMPDIR: cwd };
    // Whatever ends the shell early shows in the steps that did not come to their end.
    execFile('bash', [script], { cwd, env, timeout: PAGE_MS, maxBuffer: 16 * 1024 * 1024 }, () => resolve());
  });
}

/** Where an answer is not what the page shows; undefined when it is. */
export function differenceFrom(expected: Expected, output: string): string | undefined {
  if (expected.kind === 'text') {
    // Each line that is shown is in the answer, in this order; `…` stands for anything.
    let rest = output.split('\n');
    for (const line of expected.text.split('\n').filter((one) => one.trim() !== '' && one.trim() !== '…')) {
      const at = rest.findIndex((one) => likeness(line).test(one));
      if (at < 0) return `the line '${line}' is not in the answer: ${output.slice(0, 2_000)}`;
      rest = rest.slice(at + 1);
    }
    return undefined;
  }
  let actual: unknown;
  try {
    actual = JSON.parse(output);
  } catch {
    return `the answer is not JSON: ${output.slice(0, 2_000)}`;
  }
  const difference = subsetDifference(expected.json, actual, '');
  return difference && `${difference}; the answer is ${output.slice(0, 2_000)}`;
}

/** The first place where what is expected is not in what is there: members may be more, lists may not; text with `…` stands for any text, `"…"` for anything. */
function subsetDifference(expected: unknown, actual: unknown, at: string): string | undefined {
  if (expected === '…') return actual === undefined ? `${at} is missing` : undefined;
  if (Array.isArray(expected)) {
    if (!Array.isArray(actual)) return `${at} is no list`;
    const open = expected.at(-1) === '…';
    const items = open ? expected.slice(0, -1) : expected;
    if (open ? actual.length < items.length : actual.length !== items.length)
      return `${at} has ${actual.length} items instead of ${items.length}`;
    return first(items.map((item, index) => () => subsetDifference(item, actual[index], `${at}/${index}`)));
  }
  if (typeof expected === 'object' && expected !== null) {
    if (typeof actual !== 'object' || actual === null) return `${at} is no object`;
    const members = new Map(Object.entries(actual));
    return first(
      Object.entries(expected).map(
        ([name, value]) =>
          () =>
            subsetDifference(value, members.get(name), `${at}/${name}`),
      ),
    );
  }
  const same =
    typeof expected === 'string' && typeof actual === 'string' ? likeness(expected).test(actual) : expected === actual;
  return same ? undefined : `${at} is ${JSON.stringify(actual)} instead of ${JSON.stringify(expected)}`;
}

function first(checks: readonly (() => string | undefined)[]): string | undefined {
  for (const check of checks) {
    const difference = check();
    if (difference !== undefined) return difference;
  }
  return undefined;
}

function likeness(text: string): RegExp {
  const parts = text
    .trim()
    .split('…')
    .map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^\\s*${parts.join('.*')}\\s*$`, 's');
}
