import { nearest } from '#libs/core/kernel';
import { isMap, LineCounter, parseDocument, type Document, type Node } from 'yaml';
import type { z } from 'zod';
import { Failure } from '../failure.js';

/** One thing that is wrong with a file, at its place. */
export interface FileProblem {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /** Where in the document, as `schemas[2].file`. */
  readonly path: string;
  readonly message: string;
  readonly hint: string | null;
}

export interface YamlReading<T> {
  readonly value: T;
  /** Where a member is, from 1; where its holder is for one that is not there. */
  placeOf(path: readonly PropertyKey[]): { readonly line: number; readonly column: number };
}

/**
 * Reads a YAML file of a strict shape. `${NAME}` and `${NAME:-default}` in text stand for variables of the environment.
 * @throws Failure with every problem, each with its line; unknown keys with what was likely meant.
 */
export function readYaml<T>(
  shape: z.ZodType<T>,
  source: { readonly text: string; readonly file: string; readonly env: Readonly<Record<string, string | undefined>> },
): YamlReading<T> {
  const { text, file, env } = source;
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false, uniqueKeys: true });
  const syntax = document.errors.map(({ message, pos }): FileProblem => {
    const { line, col } = lines.linePos(pos[0]);
    return { file, line, column: col, path: '', message: message.split('\n')[0]!, hint: null };
  });
  if (syntax.length > 0) throw invalidFile(file, syntax);
  const placeOf = (path: readonly PropertyKey[]): { line: number; column: number } => placeIn(document, lines, path);
  const problems: FileProblem[] = [];
  const expanded = expand(
    document.toJS() ?? {},
    [],
    (path, name) => {
      const value = env[name];
      if (value !== undefined) return value;
      problems.push({
        file,
        ...placeOf(path),
        path: pathText(path),
        message: `The variable ${name} is not set.`,
        hint: `Set it, or give a default: \${${name}:-value}.`,
      });
      return '';
    },
    env,
  );
  const parsed = shape.safeParse(expanded, { reportInput: true });
  if (!parsed.success)
    problems.push(...parsed.error.issues.flatMap((issue) => problemsOf(issue, shape, file, placeOf)));
  if (problems.length > 0 || !parsed.success) throw invalidFile(file, problems);
  return { value: parsed.data, placeOf };
}

function problemsOf(
  issue: z.core.$ZodIssue,
  shape: z.ZodType,
  file: string,
  placeOf: (path: readonly PropertyKey[]) => { line: number; column: number },
): FileProblem[] {
  if (issue.code === 'unrecognized_keys') {
    const known = keysAt(shape, issue.path);
    return issue.keys.map((key) => {
      const near = nearest(key, known);
      const path = [...issue.path, key];
      return {
        file,
        ...placeOf(path),
        path: pathText(path),
        message: `Unknown key '${key}'.`,
        hint: near === undefined ? `Known here: ${known.join(', ')}.` : `Did you mean '${near}'?`,
      };
    });
  }
  if (issue.code === 'invalid_union' && issue.errors.length > 0) {
    // The branch that fits best is the one the writer meant.
    const best = [...issue.errors].sort((a, b) => weight(a) - weight(b))[0]!;
    return best.flatMap((inner) =>
      problemsOf({ ...inner, path: [...issue.path, ...inner.path] }, shape, file, placeOf),
    );
  }
  const hint = issue.code === 'invalid_value' ? `One of ${issue.values.map(String).join(', ')}.` : null;
  const asked =
    issue.code === 'invalid_value' && typeof issue.input === 'string'
      ? nearest(issue.input, issue.values.map(String))
      : undefined;
  return [
    {
      file,
      ...placeOf(issue.path),
      path: pathText(issue.path),
      message: `${pathText(issue.path) || 'The file'}: ${issue.message}.`,
      hint: asked === undefined ? hint : `Did you mean '${asked}'?`,
    },
  ];
}

function weight(issues: readonly z.core.$ZodIssue[]): number {
  return issues.reduce(
    (sum, issue) => sum + (issue.code === 'unrecognized_keys' ? 1 : issue.path.length === 0 ? 100 : 2),
    0,
  );
}

/** The keys that the shape knows at a place. */
function keysAt(shape: z.ZodType, path: readonly PropertyKey[]): readonly string[] {
  let schemas: unknown[] = [shape];
  for (const step of path) schemas = schemas.flatMap((one) => below(one, step));
  return [
    ...new Set(schemas.flatMap(unwrapped).flatMap((one) => Object.keys((one as { shape?: object }).shape ?? {}))),
  ];
}

function below(schema: unknown, step: PropertyKey): unknown[] {
  return unwrapped(schema).flatMap((one) => {
    const { shape, element } = one as { shape?: Record<PropertyKey, unknown>; element?: unknown };
    if (typeof step === 'number') return element === undefined ? [] : [element];
    return shape?.[step] === undefined ? [] : [shape[step]];
  });
}

/** Without what is optional or has a default; all of a union. */
function unwrapped(schema: unknown): unknown[] {
  const { def } = schema as { def?: { innerType?: unknown; options?: unknown[]; type: string } };
  if (def?.options !== undefined && def.type === 'union') return def.options.flatMap(unwrapped);
  return def?.innerType === undefined ? [schema] : unwrapped(def.innerType);
}

function placeIn(
  document: Document,
  lines: LineCounter,
  path: readonly PropertyKey[],
): { line: number; column: number } {
  for (let length = path.length; length >= 0; length--) {
    const at = offsetOf(document, path.slice(0, length));
    if (at !== undefined) {
      const { line, col } = lines.linePos(at);
      return { line, column: col };
    }
  }
  return { line: 1, column: 1 };
}

/** Where the key of a member begins, or an item of a list. */
function offsetOf(document: Document, path: readonly PropertyKey[]): number | undefined {
  if (path.length === 0) return document.contents?.range?.[0];
  const last = path.at(-1);
  const holder = path.length === 1 ? document.contents : (document.getIn(path.slice(0, -1), true) as Node | undefined);
  if (isMap(holder)) {
    const pair = holder.items.find(({ key }) => (key as { value?: unknown } | null)?.value === last);
    return (pair?.key as Node | undefined)?.range?.[0];
  }
  return (document.getIn(path, true) as Node | undefined)?.range?.[0];
}

/** `schemas[2].file`. */
export function pathText(path: readonly PropertyKey[]): string {
  return path
    .map((step, at) => (typeof step === 'number' ? `[${step}]` : `${at === 0 ? '' : '.'}${String(step)}`))
    .join('');
}

function expand(
  value: unknown,
  path: readonly PropertyKey[],
  missing: (path: readonly PropertyKey[], name: string) => string,
  env: Readonly<Record<string, string | undefined>>,
): unknown {
  if (typeof value === 'string') {
    return value.replace(/\$\{(\w+)(?::-([^}]*))?\}/g, (_, name: string, otherwise: string | undefined) => {
      const set = env[name];
      return set !== undefined && set !== '' ? set : (otherwise ?? missing(path, name));
    });
  }
  if (Array.isArray(value)) return value.map((one, at) => expand(one, [...path, at], missing, env));
  if (typeof value === 'object' && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([key, one]) => [key, expand(one, [...path, key], missing, env)]),
    );
  }
  return value;
}

function invalidFile(file: string, found: readonly FileProblem[]): Failure {
  const problems = [...found].sort((a, b) => a.line - b.line || a.column - b.column);
  const [first] = problems;
  const more = problems.length > 1 ? ` (and ${problems.length - 1} more)` : '';
  return new Failure({
    code: 'file-invalid',
    exit: 'usage',
    message: `${file}:${first!.line}:${first!.column}: ${first!.message}${more}`,
    hint: first!.hint,
    findings: problems,
  });
}
