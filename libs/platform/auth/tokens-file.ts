import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { z } from 'zod';
import { AppError, type ErrorItem } from '#libs/core/kernel';
import { OBJECT_KINDS, type AccessScope, type ObjectKind } from './access.js';
import { ROLES } from './roles.js';
import type { TokenEntry } from './token-authenticator.js';

const MAX_BYTES = 1024 * 1024;

const role = z.enum(ROLES);
const patterns = z.array(z.string().min(1).max(512)).min(1);

const tokensDocument = z.strictObject({
  tokens: z
    .array(
      z
        .strictObject({
          id: z
            .string()
            .regex(/^[a-zA-Z0-9._@-]{1,100}$/, 'must be 1 to 100 of a-z, A-Z, 0-9, dot, underscore, @ and hyphen'),
          sha256: z
            .string()
            .regex(/^[0-9a-f]{64}$/, 'must be the SHA-256 of the token in 64 lower-case hexadecimal digits'),
          role: role.optional(),
          roles: z.array(role).min(1).optional(),
          scope: z.partialRecord(z.enum(OBJECT_KINDS), patterns).optional(),
          expires: z.iso.datetime({ offset: true }).optional(),
        })
        .refine(
          (token) => (token.role === undefined) !== (token.roles === undefined),
          'must have either role or roles',
        ),
    )
    .max(10_000),
});

/**
 * Reads the tokens file: YAML (or JSON) with a list `tokens` of `id`, `sha256`, `role` (or `roles`), and optionally `scope` and `expires` (ISO 8601).
 * @throws `invalid-tokens-file` with everything that is wrong, never with a token or its hash.
 */
export async function readTokensFile(path: string): Promise<readonly TokenEntry[]> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw invalid(path, [{ path: '', message: 'cannot be read' }], cause);
  }
  return parseTokens(path, text);
}

/** The text of a tokens file as entries; `path` goes into messages only. @throws as {@link readTokensFile}. */
export function parseTokens(path: string, text: string): readonly TokenEntry[] {
  if (text.length > MAX_BYTES) throw invalid(path, [{ path: '', message: `is larger than ${MAX_BYTES} bytes` }]);
  let document: unknown;
  try {
    const { parse } = createRequire(import.meta.url)('yaml') as typeof import('yaml');
    document = parse(text, { maxAliasCount: 0, stringKeys: true });
  } catch (cause) {
    throw invalid(path, [{ path: '', message: 'is not YAML' }], cause);
  }
  const parsed = tokensDocument.safeParse(document);
  if (!parsed.success) {
    throw invalid(
      path,
      parsed.error.issues.map((issue) => ({ path: `/${issue.path.join('/')}`, message: issue.message })),
    );
  }
  const { tokens } = parsed.data;
  const twice = [
    ...repeated(tokens.map((token) => token.id)).map((index) => ({
      path: `/tokens/${index}/id`,
      message: 'is used twice',
    })),
    ...repeated(tokens.map((token) => token.sha256)).map((index) => ({
      path: `/tokens/${index}/sha256`,
      message: 'belongs to another entry too',
    })),
  ];
  if (twice.length > 0) throw invalid(path, twice);
  return tokens.map((token) => ({
    id: token.id,
    sha256: Buffer.from(token.sha256, 'hex'),
    roles: token.roles ?? [token.role!],
    ...(token.scope === undefined ? {} : { scope: scopeOf(token.scope) }),
    ...(token.expires === undefined ? {} : { expiresAt: Date.parse(token.expires) }),
  }));
}

function scopeOf(scope: Partial<Record<ObjectKind, string[]>>): AccessScope {
  return new Map(OBJECT_KINDS.flatMap((kind) => (scope[kind] === undefined ? [] : [[kind, scope[kind]] as const])));
}

/** Places of values that occurred before. */
function repeated(values: readonly string[]): number[] {
  const seen = new Set<string>();
  return values.flatMap((value, index) => (seen.size === seen.add(value).size ? [index] : []));
}

function invalid(path: string, items: readonly ErrorItem[], cause?: unknown): AppError {
  return new AppError({
    kind: 'invalid',
    code: 'invalid-tokens-file',
    message: `The tokens file '${path}' cannot be used: ${items.map((item) => `${item.path} ${item.message}`.trim()).join('; ')}.`,
    hint: 'It holds a list `tokens` of {id, sha256, role, scope?, expires?}; sha256 is what `printf %s "$TOKEN" | sha256sum` prints.',
    items,
    cause,
  });
}
