import { createHash, randomBytes } from 'node:crypto';
import { chmod, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { parseDocument, stringify, type Document } from 'yaml';
import { argument, text, texts, type Handler, type Invocation } from '../command.js';
import { Failure, usage } from '../failure.js';
import { described, listed } from '../outcome.js';
import { confirm } from '../settings/confirm.js';
import { milliseconds } from '../settings/durations.js';
import { writeSecret } from '../settings/secret-file.js';

/** What the service knows a token by; never the token itself. */
interface TokenEntry {
  readonly id: string;
  readonly sha256: string;
  readonly role?: string;
  readonly roles?: readonly string[];
  readonly scope?: Readonly<Record<string, readonly string[]>>;
  readonly expires?: string;
}

/** 256 bits: nothing to guess, so that a plain hash is enough to keep. */
const TOKEN_BYTES = 32;

/** `weir admin token create`: a token made here, and its entry for the file that the service reads. */
export const create: Handler = async (invocation) => {
  const roles = texts(invocation, 'role');
  if (roles.length === 0) throw usage('role-missing', 'Say what the token may: --role viewer, --role operator …');
  const id = idOf(invocation);
  const token = randomBytes(TOKEN_BYTES).toString('base64url');
  const expires = text(invocation, 'expires');
  const scope = scopeOf(texts(invocation, 'scope'));
  const entry: TokenEntry = {
    id,
    sha256: createHash('sha256').update(token, 'utf8').digest('hex'),
    ...(roles.length === 1 ? { role: roles[0]! } : { roles }),
    ...(Object.keys(scope).length === 0 ? {} : { scope }),
    ...(expires === undefined ? {} : { expires: momentOf(expires) }),
  };
  const { dryRun } = invocation.flags;
  const [file, tokenFile] = [text(invocation, 'file'), text(invocation, 'tokenFile')];
  const tokens = file === undefined ? undefined : await TokensFile.read(resolve(invocation.io.cwd, file));
  tokens?.add(entry);
  if (!dryRun) {
    if (tokenFile !== undefined) await writeSecret(resolve(invocation.io.cwd, tokenFile), token, false);
    await tokens?.write();
  }
  const told = dryRun || tokenFile !== undefined ? null : token;
  return {
    kind: 'Token',
    data: { id, token: told, entry, file: file ?? null, tokenFile: tokenFile ?? null, dryRun },
    text: [
      ...(told === null ? [] : [`token: ${told}`]),
      ...(tokenFile === undefined || dryRun ? [] : [`token in ${tokenFile}`]),
      ...(file === undefined ? [stringify({ tokens: [entry] }).trimEnd()] : [`entry '${id}' in ${file}`]),
    ].join('\n'),
    names: [id],
    warnings: dryRun
      ? []
      : [
          ...(told === null ? [] : ['The token is shown this once; it can be told by nobody again.']),
          file === undefined
            ? 'Add the entry to the file that auth.tokensFile names; the service reads it when it starts.'
            : 'The service reads the file when it starts.',
        ],
  };
};

/** `weir admin token list`: who has tokens, what they may and until when. */
export const list: Handler = async (invocation) => {
  const tokens = await TokensFile.read(fileOf(invocation));
  const now = Date.now();
  const items = tokens.entries.map(({ id, role, roles, scope, expires }) => ({
    id,
    roles: roles ?? (role === undefined ? [] : [role]),
    scope: scope ?? null,
    expires: expires ?? null,
    expired: expires !== undefined && Date.parse(expires) <= now,
  }));
  return listed(
    'TokenList',
    items,
    [
      { title: 'id', of: ({ id }) => id },
      { title: 'roles', of: ({ roles }) => roles },
      { title: 'scope', of: ({ scope }) => scope },
      { title: 'expires', of: ({ expires, expired }) => (expired ? `${expires} (over)` : expires) },
    ],
    ({ id }) => id,
    'There are no tokens. Make one: weir admin token create NAME --role ROLE --file FILE',
  );
};

/** `weir admin token revoke`: the entry leaves the file. */
export const revoke: Handler = async (invocation) => {
  const tokens = await TokensFile.read(fileOf(invocation));
  const id = idOf(invocation);
  tokens.remove(id);
  const { dryRun } = invocation.flags;
  if (!dryRun) {
    await confirm(invocation, `Revoke the token '${id}' in ${tokens.path}.`);
    await tokens.write();
  }
  return {
    ...described('RevokedToken', { id, file: tokens.path, dryRun }, id),
    warnings: dryRun ? [] : ['The token is valid until the service starts anew.'],
  };
};

/** The tokens file of a service, changed as text: comments and order stay. */
class TokensFile {
  private constructor(
    readonly path: string,
    private readonly document: Document,
    private readonly mode: number,
  ) {}

  /** @throws Failure for a file that is no tokens file. One that is not there is empty. */
  static async read(path: string): Promise<TokensFile> {
    let [content, mode] = ['', 0o600];
    try {
      content = await readFile(path, 'utf8');
      mode = (await stat(path)).mode & 0o777;
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw unusable(path, (cause as Error).message, cause);
    }
    const document = parseDocument(content, { prettyErrors: false });
    const [error] = document.errors;
    if (error !== undefined) throw unusable(path, error.message.split('\n')[0]!);
    const value = document.toJS() as { tokens?: unknown } | null;
    if (value !== null && (typeof value !== 'object' || !Array.isArray(value.tokens ?? [])))
      throw unusable(path, 'it holds no list `tokens`');
    return new TokensFile(path, document, mode);
  }

  get entries(): readonly TokenEntry[] {
    return (this.document.toJS() as { tokens?: TokenEntry[] } | null)?.tokens ?? [];
  }

  /** @throws Failure where the name is taken. */
  add(entry: TokenEntry): void {
    if (this.entries.some(({ id }) => id === entry.id))
      throw new Failure({
        code: 'token-exists',
        exit: 'conflict',
        message: `'${this.path}' has a token '${entry.id}' already.`,
        hint: `Take another name, or revoke that one: weir admin token revoke ${entry.id} --file ${this.path}`,
      });
    if (this.document.hasIn(['tokens', 0])) this.document.addIn(['tokens'], this.document.createNode(entry));
    else this.document.setIn(['tokens'], this.document.createNode([entry]));
  }

  /** @throws Failure where there is none of that name. */
  remove(id: string): void {
    const at = this.entries.findIndex((one) => one.id === id);
    if (at < 0)
      throw new Failure({
        code: 'token-not-found',
        exit: 'not-found',
        message: `'${this.path}' has no token '${id}'.`,
        hint: `weir admin token list --file ${this.path}`,
      });
    this.document.deleteIn(['tokens', at]);
  }

  /** Whole or not at all. */
  async write(): Promise<void> {
    const draft = `${this.path}.new`;
    try {
      await writeFile(draft, this.document.toString(), { mode: this.mode });
      // The mode of a file that was there is not taken by writing.
      await chmod(draft, this.mode);
      await rename(draft, this.path);
    } catch (cause) {
      throw unusable(this.path, (cause as Error).message, cause);
    }
  }
}

function unusable(path: string, why: string, cause?: unknown): Failure {
  return new Failure({
    code: 'tokens-file-unusable',
    exit: 'usage',
    message: `The tokens file '${path}' cannot be used: ${why}.`,
    hint: 'It is the file that auth.tokensFile names, as docs/access.md has it.',
    cause,
  });
}

function fileOf(invocation: Invocation): string {
  return resolve(invocation.io.cwd, text(invocation, 'file') ?? '');
}

function idOf(invocation: Invocation): string {
  const id = argument(invocation, 0);
  if (!/^[a-zA-Z0-9._@-]{1,100}$/.test(id))
    throw usage('token-id-invalid', `'${id}' is no name of a token.`, 'Take 1 to 100 of a-z, A-Z, 0-9 and . _ @ -');
  return id;
}

/** Kinds of objects that a token can be limited to. */
const KINDS = ['topic', 'subject', 'group', 'view', 'operation', 'cluster', 'service'];

function scopeOf(given: readonly string[]): Record<string, string[]> {
  const scope: Record<string, string[]> = {};
  for (const one of given) {
    const equals = one.indexOf('=');
    const [kind, patterns] = [one.slice(0, equals), one.slice(equals + 1)];
    if (!KINDS.includes(kind) || patterns === '')
      throw usage(
        'scope-invalid',
        `'${one}' is no scope.`,
        `Write KIND=PATTERN,… with KIND one of ${KINDS.join(', ')}.`,
      );
    (scope[kind] ??= []).push(...patterns.split(','));
  }
  return scope;
}

/** `90d` from now, or a time. */
function momentOf(given: string): string {
  const at = /^\d{4}-/.test(given) ? Date.parse(given) : Date.now() + milliseconds(given, '--expires');
  if (Number.isNaN(at))
    throw usage('time-invalid', `'${given}' (--expires) is no time.`, 'Write 90d or 2027-01-31T00:00:00Z.');
  return new Date(at).toISOString();
}
