import { createRequire } from 'node:module';
import type { Document, LineCounter, Node } from 'yaml';
import { AppError, isAppError, isJsonObject, type JsonObject, type JsonValue } from '#libs/core/kernel';

/** Bytes and levels of a declaration as YAML, which is parsed in one go. */
const MAX_BYTES = 256 * 1024;
const MAX_DEPTH = 32;

/** A declaration as it was sent. */
export interface DeclarationBody {
  readonly declaration: JsonObject;
  /** Says of each problem at which line and column it is, where the text is known. */
  located(error: unknown): unknown;
}

/** Reads the body of a declaration: JSON that was parsed already, or YAML (which JSON text is, too) in bytes. @throws `invalid-request`, `invalid-yaml`. */
export function readDeclarationBody(body: unknown): DeclarationBody {
  if (!(body instanceof Uint8Array)) return { declaration: objectOf(body), located: (error) => error };
  if (body.length > MAX_BYTES) throw notYaml(`${body.length} bytes are more than ${MAX_BYTES}`);
  // Read when it is needed: most services never are given YAML here.
  const yaml = createRequire(import.meta.url)('yaml') as typeof import('yaml');
  const lines = new yaml.LineCounter();
  let document: Document;
  try {
    document = yaml.parseDocument(new TextDecoder().decode(body), {
      lineCounter: lines,
      prettyErrors: false,
      stringKeys: true,
    });
  } catch (error) {
    // Nested so deeply that the stack does not hold it.
    throw notYaml('it is nested too deeply', undefined, error);
  }
  const [broken] = document.errors;
  if (broken !== undefined) throw notYaml(broken.message, placeText(lines, broken.pos[0]), broken);
  let declaration: JsonObject;
  try {
    // An alias stands for something else in the text: a few of them can stand for very much.
    declaration = objectOf(document.toJS({ maxAliasCount: 0 }));
  } catch (error) {
    throw isAppError(error) ? error : notYaml('aliases are not taken', undefined, error);
  }
  if (!isShallow(declaration, MAX_DEPTH)) throw notYaml('it is nested too deeply');
  return { declaration, located: (error) => located(error, document, lines) };
}

function located(error: unknown, document: Document, lines: LineCounter): unknown {
  if (!isAppError(error, 'invalid-view')) return error;
  const items = error.items.map((item) => {
    const offset = offsetOf(document, item.path);
    return offset === undefined ? item : { ...item, message: `${placeText(lines, offset)}: ${item.message}` };
  });
  const { kind, code, message, hint } = error;
  return new AppError({ kind, code, message, items, cause: error, ...(hint === undefined ? {} : { hint }) });
}

/** Where the node of a JSON pointer begins, or the nearest one around it that is there. */
function offsetOf(document: Document, pointer: string): number | undefined {
  const steps = pointer.split('/').slice(1);
  for (let depth = steps.length; depth >= 0; depth--) {
    const node = document.getIn(steps.slice(0, depth), true) as Node | undefined;
    const start = node?.range?.[0];
    if (start !== undefined) return start;
  }
  return undefined;
}

function placeText(lines: LineCounter, offset: number): string {
  const { line, col } = lines.linePos(offset);
  return `line ${line}, column ${col}`;
}

function objectOf(value: unknown): JsonObject {
  if (isJsonObject(value as JsonValue)) return value as JsonObject;
  throw notADeclaration();
}

/** The error for a body that is no declaration at all. */
export function notADeclaration(): AppError {
  return new AppError({
    kind: 'invalid',
    code: 'invalid-request',
    message: 'The body must be an object with source, columns and, where needed, key, joins and cluster.',
  });
}

function isShallow(value: JsonValue, left: number): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return left > 0 && Object.values(value).every((one) => isShallow(one as JsonValue, left - 1));
}

function notYaml(why: string, place?: string, cause?: unknown): AppError {
  return new AppError({
    kind: 'invalid',
    code: 'invalid-yaml',
    message: `The body is not YAML that can be read: ${place === undefined ? '' : `${place}: `}${why}.`,
    cause,
  });
}
