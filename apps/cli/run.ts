import { randomBytes } from 'node:crypto';
import { Command, CommanderError, Option } from 'commander';
import { nearest } from '#libs/core/kernel';
import type { CommandSpec, Invocation, OptionSpec } from './command.js';
import { COMMANDS } from './commands/table.js';
import { exitCode, type ExitCode } from './exit-codes.js';
import { Failure, usage } from './failure.js';
import { flagsOf } from './global-flags.js';
import { GLOBAL_OPTIONS } from './global-options.js';
import type { Io } from './io.js';
import type { Outcome } from './outcome.js';
import type { GivenSettings } from './settings/settings.js';
import { OutputClosed } from './output/output-closed.js';
import { writtenFile } from './output/written-file.js';
import {
  envelopeOf,
  failureEnvelope,
  isMachine,
  machineText,
  OUTPUTS,
  printable,
  tableText,
  type Output,
} from './output/render.js';
import { VERSION } from './version.js';

/** Runs a command line to its end. @returns the exit code. */
export async function run(argv: readonly string[], io: Io): Promise<ExitCode> {
  let kind = 'Failure';
  const output = askedOutput(argv, io);
  const finished: { code: ExitCode } = { code: 0 };
  try {
    const program = programOf(
      argv,
      io,
      (name) => (kind = name),
      (code) => (finished.code = code),
    );
    await program.parseAsync([...argv], { from: 'user' });
    return finished.code;
  } catch (error) {
    if (error instanceof OutputClosed) return 0;
    const failure =
      error instanceof CommanderError ? usageFailure(error) : error instanceof Failure ? error : defect(error);
    if (failure === undefined) return 0;
    const isTold =
      isMachine(output) && (await told(argv, io, await machineText(output, failureEnvelope(kind, failure), [])));
    if (!isTold || output === 'name') io.err(failureText(failure));
    if (failure.exit === 'internal' && !(error instanceof Failure)) io.err(stackOf(error));
    return exitCode(failure.exit);
  }
}

/** Writes the document of a failure to where the result was to go. @returns whether standard output has it: who looks there needs nothing else. */
async function told(argv: readonly string[], io: Io, document: string): Promise<boolean> {
  const file = valueOf(argv, '-O', '--output-file');
  try {
    if (file === undefined) await io.out(document);
    else await writtenFile(file, document);
    return file === undefined;
  } catch (error) {
    // The failure is told on stderr instead; a second one, that it could not be told here, helps nobody.
    if (error instanceof OutputClosed || error instanceof Failure) return false;
    throw error;
  }
}

/** A defect that no command could tell of any more. */
export function defectText(error: unknown): string {
  return failureText(defect(error)) + stackOf(error);
}

function stackOf(error: unknown): string {
  return `${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`;
}

/** The output format, told without the parser: it is needed when parsing fails, too. */
function askedOutput(argv: readonly string[], io: Io): Output {
  const asked = valueOf(argv, '-o', '--output') ?? io.env['WEIR_OUTPUT'];
  return OUTPUTS.find((one) => one === asked) ?? 'table';
}

/** What is given for an option, the last time it is given. */
function valueOf(argv: readonly string[], short: string, long: string): string | undefined {
  let asked: string | undefined;
  argv.forEach((word, at) => {
    if (word === short || word === long) asked = argv[at + 1];
    else if (word.startsWith(`${long}=`)) asked = word.slice(long.length + 1);
    else if (word.startsWith(short) && word.length > short.length) asked = word.slice(short.length);
  });
  return asked;
}

function programOf(
  argv: readonly string[],
  io: Io,
  entered: (kind: string) => void,
  finish: (code: ExitCode) => void,
): Command {
  const program = new Command('weir')
    .description('Schemas checked, planned and applied; long changes of topics watched and steered.')
    .addHelpText(
      'before',
      `Examples:
  weir init                       a project for the schemas below this folder
  weir check                      would these schemas break a reader?
  weir plan                       what a service would change
  weir apply                      all of it, or nothing
  weir topic consume orders       records, decoded
  weir op watch op_01J…           a long change, to its end
`,
    )
    .helpOption('-h, --help', 'show help')
    .addHelpText('after', '\nExit codes, formats and variables: docs/cli.md. Look closer: weir <command> --help');
  // Where a command has a flag of that name, as for the version of a schema, it is meant.
  if (!COMMANDS.some((spec) => argv.includes(spec.name) && hasVersion(spec)))
    program.version(VERSION, '-V, --version', 'show the version');
  prepare(program, io);
  for (const one of GLOBAL_OPTIONS) program.addOption(optionOf(one));
  for (const spec of COMMANDS) {
    // What is not named is only listed: ninety commands with their options would be most of a start.
    if (argv.includes(spec.name)) add(program, spec, { io, entered, finish, program });
    else prepare(program.command(spec.name), io).description(spec.about);
  }
  return program;
}

function hasVersion({ options = [], commands = [] }: CommandSpec): boolean {
  return options.some(({ flags }) => /(^|\s)--version\b/.test(flags)) || commands.some(hasVersion);
}

interface Running {
  readonly io: Io;
  readonly entered: (kind: string) => void;
  readonly finish: (code: ExitCode) => void;
  readonly program: Command;
}

function prepare(command: Command, io: Io): Command {
  return command.exitOverride().configureOutput({
    writeErr: () => undefined,
    // Help that nobody reads to its end is no failure.
    writeOut: (text) => void io.out(text).catch(() => undefined),
    getOutHelpWidth: () => io.columns,
  });
}

function add(parent: Command, spec: CommandSpec, running: Running): void {
  const command = prepare(parent.command(spec.name), running.io).description(spec.about);
  command.helpOption('-h, --help', 'show help');
  // A call that cannot be parsed is a failure of this command, too.
  command.exitOverride((error) => {
    if (spec.kind !== undefined) running.entered(spec.kind);
    throw error;
  });
  const examples = spec.examples ?? [];
  if (examples.length > 0) {
    const width = Math.max(...examples.map(([line]) => line.length));
    command.addHelpText(
      'before',
      `Examples:\n${examples.map(([line, what]) => `  ${line.padEnd(width)}  ${what}`).join('\n')}\n`,
    );
  }
  for (const [syntax, about] of spec.args ?? []) command.argument(syntax, about);
  for (const one of spec.options ?? []) command.addOption(optionOf(one));
  for (const below of spec.commands ?? []) add(command, below, running);
  const { load } = spec;
  if (load === undefined) {
    const known = (spec.commands ?? []).map(({ name }) => name);
    command.allowExcessArguments(true).action(() => {
      const [wanted] = command.args;
      const near = wanted === undefined ? undefined : nearest(wanted, known);
      if (wanted === undefined) {
        throw usage(
          'command-incomplete',
          `'${pathOf(command)}' needs one of: ${known.join(', ')}.`,
          `${pathOf(command)} --help`,
        );
      }
      throw usage(
        'unknown-command',
        `Unknown command '${pathOf(command)} ${wanted}'.`,
        near === undefined ? `One of ${known.join(', ')}.` : `Did you mean ${near}?`,
      );
    });
    return;
  }
  command.action(async () => {
    running.entered(spec.kind ?? 'Result');
    await runHandler(command, spec, running);
  });
}

function optionOf({ flags, about, choices, repeat, required }: OptionSpec): Option {
  const option = new Option(flags, about);
  if (choices !== undefined) option.choices([...choices]);
  if (repeat === true) {
    // What choices look at is looked at for each.
    const one = option.parseArg;
    option.argParser((value: string, before: string[] | undefined) => [
      ...(before ?? []),
      one === undefined ? value : String(one<unknown>(value, undefined)),
    ]);
  }
  if (required === true) option.makeOptionMandatory();
  return option;
}

async function runHandler(command: Command, spec: CommandSpec, { io, finish, program }: Running): Promise<void> {
  const all = program.opts<Record<string, unknown>>();
  const output = (all['output'] ?? OUTPUTS.find((one) => one === io.env['WEIR_OUTPUT']) ?? 'table') as Output;
  if (
    all['output'] === undefined &&
    io.env['WEIR_OUTPUT'] &&
    !(OUTPUTS as readonly string[]).includes(io.env['WEIR_OUTPUT'])
  ) {
    throw usage(
      'output-unknown',
      `WEIR_OUTPUT is '${io.env['WEIR_OUTPUT']}', which is no format.`,
      `One of ${OUTPUTS.join(', ')}.`,
    );
  }
  const file = all['outputFile'] as string | undefined;
  const flags = await flagsOf(all, io, file === undefined && io.stdoutIsTerminal);
  const collected: string[] = [];
  const write = async (text: string): Promise<void> => {
    if (file === undefined) await io.out(text);
    else collected.push(text);
  };
  const given: GivenSettings = {
    server: all['server'] as string | undefined,
    context: all['context'] as string | undefined,
    config: all['config'] as string | undefined,
    idempotencyKey: flags.idempotencyKey,
    reason: all['reason'] as string | undefined,
    timeoutMs: flags.timeoutMs,
    onRequest: flags.verbose ? (line) => io.err(`${printable(line)}\n`) : undefined,
  };
  const invocation: Invocation = {
    given,
    args: command.processedArgs as (string | undefined | string[])[],
    options: command.opts(),
    flags,
    io,
    output,
    settings: once(async () => {
      const { Settings } = await import('./settings/settings.js');
      return Settings.read(given, io.cwd, io.env);
    }),
    emit: async (item, text) =>
      write(
        output === 'jsonl' || output === 'json'
          ? `${JSON.stringify(item)}\n`
          : output === 'yaml'
            ? `---\n${(await import('yaml')).stringify(item)}`
            : `${text}\n`,
      ),
    say: (text) => {
      if (!flags.quiet) io.err(`${text}\n`);
    },
  };
  const handler = await spec.load!();
  // A command prints one shape, whatever its options.
  const outcome = { ...(await handler(invocation)), kind: spec.kind ?? 'Result' };
  try {
    await print(outcome, output, write, io, {
      quiet: flags.quiet,
      columns: file === undefined && io.stdoutIsTerminal ? io.columns : undefined,
    });
  } catch (error) {
    // Whoever has read enough of a result changes nothing about the answer.
    if (!(error instanceof OutputClosed)) throw error;
  }
  if (file !== undefined)
    await writtenFile(file, collected.join(''), { done: 'What the command did on the service is done.' });
  finish(exitCode(outcome.exit ?? 'done'));
}

async function print(
  outcome: Outcome,
  output: Output,
  write: (text: string) => Promise<void>,
  io: Io,
  { quiet, columns }: { readonly quiet: boolean; readonly columns: number | undefined },
): Promise<void> {
  const { text, table, tables = [], warnings = [], error, names = [], printed, raw } = outcome;
  if (raw !== undefined) await write(raw);
  else if (printed !== true) {
    if (isMachine(output)) await write(await machineText(output, envelopeOf(outcome), names));
    else {
      if (text !== undefined) await write(text.endsWith('\n') || text === '' ? text : `${text}\n`);
      if (table !== undefined) await write(tableText(table, output === 'wide', columns));
      for (const [at, one] of tables.entries())
        await write(`${at === 0 ? '' : '\n'}${one.heading}\n${tableText(one.table, output === 'wide', columns)}`);
    }
  }
  if (isMachine(output) && output !== 'name') return;
  if (!quiet) for (const warning of warnings) io.err(`warning: ${warning}\n`);
  if (error !== undefined)
    io.err(failureText({ ...error, hint: error.hint ?? null, requestId: null, findings: error.findings ?? [] }));
}

/** Undefined for help, which is no failure. */
function usageFailure(error: CommanderError): Failure | undefined {
  if (error.exitCode === 0) return undefined;
  // A name for others, called without any of them.
  if (error.code === 'commander.help') return usage('command-missing', 'No command was given.', 'weir --help');
  const [first, ...rest] = error.message.replace(/^error: /, '').split('\n');
  const hint = rest
    .join(' ')
    .trim()
    .replace(/^\((.*)\)$/, '$1');
  return usage(
    error.code.replace(/^commander\./, '').replace(/([A-Z])/g, (letter) => `-${letter.toLowerCase()}`),
    `${first!.charAt(0).toUpperCase()}${first!.slice(1)}${/[.?!]$/.test(first!) ? '' : '.'}`,
    hint || nearestChoice(first!) || 'weir --help lists the commands, weir <command> --help what one takes.',
  );
}

/** The value that was likely meant, for an option of a few words. */
function nearestChoice(message: string): string | undefined {
  const [, given, choices] = /argument '(.*)' is invalid\. Allowed choices are (.*)\.$/.exec(message) ?? [];
  const near = given === undefined ? undefined : nearest(given, choices!.split(', '));
  return near === undefined ? undefined : `Did you mean ${near}?`;
}

function defect(error: unknown): Failure {
  const report = randomBytes(6).toString('hex');
  return new Failure({
    code: 'internal',
    exit: 'internal',
    message: `Something went wrong inside weir (report ${report}): ${error instanceof Error ? error.message : String(error)}`,
    hint: 'This is a defect. Report it with the lines below.',
    cause: error,
  });
}

function failureText({
  message,
  hint,
  requestId,
  findings,
  code,
}: Pick<Failure, 'message' | 'hint' | 'requestId' | 'findings' | 'code'>): string {
  const lines = [`error: ${message} [${code}]`];
  // A single cause may be the message already.
  const told = findings.filter(
    (one) => !(findings.length === 1 && message.includes((one as { message?: string }).message ?? '\n')),
  );
  for (const one of told.slice(0, 20)) lines.push(`  ${findingText(one)}`);
  if (findings.length > 20) lines.push(`  and ${findings.length - 20} more`);
  if (hint !== null) lines.push(`  → ${hint}`);
  if (requestId !== null) lines.push(`  request ${requestId}`);
  return `${lines.join('\n')}\n`;
}

function findingText(finding: unknown): string {
  if (typeof finding === 'string') return finding;
  const { file, line, column, path, message, hint } = finding as {
    file?: string;
    line?: number;
    column?: number;
    path?: string;
    message?: string;
    hint?: string | null;
  };
  if (message === undefined) return JSON.stringify(finding);
  const place = file === undefined ? (path === undefined ? '' : `${path}: `) : `${file}:${line}:${column}: `;
  return `${place}${message}${hint ? ` ${hint}` : ''}`;
}

function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
}

function once<T>(make: () => Promise<T>): () => Promise<T> {
  let made: Promise<T> | undefined;
  return () => (made ??= make());
}
