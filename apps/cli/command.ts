import type { Io } from './io.js';
import type { Outcome } from './outcome.js';
import type { Output } from './output/render.js';
import type { GivenSettings, Settings } from './settings/settings.js';

export interface OptionSpec {
  /** As commander reads them: `-n, --max <n>`. */
  readonly flags: string;
  readonly about: string;
  readonly choices?: readonly string[];
  /** May be given several times. */
  readonly repeat?: boolean;
  readonly required?: boolean;
}

/** A command as data: help, completion, the documentation and the program itself are made of it. */
export interface CommandSpec {
  readonly name: string;
  readonly about: string;
  /** Shown first in the help. Each is a whole line that works when pasted. */
  readonly examples?: readonly (readonly [line: string, what: string])[];
  readonly args?: readonly (readonly [syntax: string, about: string])[];
  readonly options?: readonly OptionSpec[];
  /** Name of the shape of its result. */
  readonly kind?: string;
  /** Without it a name for the commands below. Loaded when the command is run: the start of every other is not slowed by it. */
  readonly load?: () => Promise<Handler>;
  readonly commands?: readonly CommandSpec[];
}

/** The effective flags of every command (2.1), beside those that settings are made of. */
export interface GlobalFlags {
  readonly quiet: boolean;
  readonly verbose: boolean;
  /** Never prompt. */
  readonly noInput: boolean;
  readonly yes: boolean;
  readonly dryRun: boolean;
  readonly wait: boolean;
  /** How long is waited, for an answer or for the end of an operation; null where nothing is said. */
  readonly timeoutMs: number | null;
  readonly idempotencyKey: string;
  /** The key was given: the command may have been run before, and what it deletes be gone. */
  readonly mayBeRepeated: boolean;
  readonly colour: boolean;
  /** Where the effective values of some come from: a flag, a variable, or what is built in. */
  readonly origins: Readonly<Record<'output' | 'timeoutMs' | 'colour' | 'input', string>>;
}

export interface Invocation {
  /** Positional arguments; a list for a variadic one. */
  readonly args: readonly (string | undefined | readonly string[])[];
  readonly options: Readonly<Record<string, unknown>>;
  readonly flags: GlobalFlags;
  readonly io: Io;
  readonly output: Output;
  /** What settings are made of, as it stands on the command line. */
  readonly given: GivenSettings;
  /** Effective settings with their origins. */
  readonly settings: () => Promise<Settings>;
  /** Prints one item of a stream in the output format. */
  readonly emit: (item: unknown, text: string) => Promise<void>;
  /** Says something on stderr unless `-q`. */
  readonly say: (text: string) => void;
}

export type Handler = (invocation: Invocation) => Promise<Outcome>;

/** The positional argument at that place as text. */
export function argument(invocation: Invocation, at: number): string {
  const value = invocation.args[at];
  return typeof value === 'string' ? value : '';
}

/** The option as text; undefined when it was not given. */
export function text(invocation: Invocation, name: string): string | undefined {
  const value = invocation.options[name];
  return typeof value === 'string' ? value : undefined;
}

/** The values of an option that may be repeated. */
export function texts(invocation: Invocation, name: string): readonly string[] {
  const value = invocation.options[name];
  return Array.isArray(value) ? (value as string[]) : typeof value === 'string' ? [value] : [];
}

/** Whether a flag without value was given. */
export function given(invocation: Invocation, name: string): boolean {
  return invocation.options[name] === true;
}
