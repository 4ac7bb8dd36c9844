import { posix, relative, resolve, sep } from 'node:path';
import { LAYERS, RESERVED_MODULES } from './layers.js';

const ROOT = resolve(import.meta.dirname ?? new URL('.', import.meta.url).pathname, '../..');
const IS_TEST = /\.spec\.ts$|\/testing\/|\.contract\.ts$/;

/** The library, application or folder a project path belongs to, e.g. `libs/core/log` for `libs/core/log/testing/x.ts`. */
export function placeOf(path) {
  const parts = path.split('/');
  if (parts[0] === 'libs') return parts.slice(0, 3).join('/');
  if (parts[0] === 'apps') return parts.slice(0, 2).join('/');
  return parts[0];
}

/** The project path an import specifier stands for, or undefined for a package. */
export function targetOf(file, specifier) {
  if (specifier.startsWith('#libs/')) return specifier.slice(1);
  if (specifier === '#migrations' || specifier.startsWith('#migrations/')) return 'migrations';
  if (specifier.startsWith('.')) return posix.normalize(posix.join(posix.dirname(file), specifier));
  return undefined;
}

/** Why `file` may not import `specifier`, or undefined when it may. Pure, so that the rules themselves are tested. */
export function violation(file, specifier) {
  const target = targetOf(file, specifier);
  if (target === undefined) {
    for (const rule of RESERVED_MODULES) {
      if (!file.startsWith(rule.from) || rule.except.some((prefix) => file.startsWith(prefix)) || IS_TEST.test(file))
        continue;
      if (
        rule.modules.some((name) => specifier === name || specifier.startsWith(name.endsWith('/') ? name : `${name}/`))
      ) {
        return `${rule.from || 'the project'} must not import ${specifier}: ${rule.reason}`;
      }
    }
    return undefined;
  }
  const here = placeOf(file);
  const there = placeOf(target);
  if (here === there) return undefined;
  if (
    specifier.startsWith('.') &&
    (file.startsWith('libs/') || target.startsWith('libs/')) &&
    !file.startsWith('test/')
  )
    return `import ${there} as #${there}, not by a relative path: a library is entered through its index only`;
  if (IS_TEST.test(file) && there.startsWith('libs/platform/testing')) return undefined;
  const layer = LAYERS.find((one) => here.startsWith(one.from));
  if (layer === undefined) return undefined;
  if (layer.may.some((allowed) => there === allowed || there.startsWith(`${allowed}/`))) return undefined;
  return `${here} must not import ${there}: ${layer.reason}`;
}

/** ESLint rule `weir/layers`. */
export const layersRule = {
  meta: { type: 'problem', schema: [], messages: { forbidden: '{{why}}' } },
  create(context) {
    const file = relative(ROOT, context.filename).split(sep).join('/');
    const check = (node) => {
      const why =
        node.source === null || node.source === undefined ? undefined : violation(file, String(node.source.value));
      if (why !== undefined) context.report({ node: node.source, messageId: 'forbidden', data: { why } });
    };
    return {
      ImportDeclaration: check,
      ExportNamedDeclaration: check,
      ExportAllDeclaration: check,
      ImportExpression: check,
    };
  },
};
