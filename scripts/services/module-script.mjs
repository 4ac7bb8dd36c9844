/** Packed modules as scripts: Node 20 keeps what it compiled of a script, and not of a module. */
import { parseAst } from 'rolldown/parseAst';

/**
 * A module that does the same as another by running a script.
 * @param {string} code of the module; what it exports is given its value once
 * @param {string} name of the script's file, beside the module
 * @returns {{script: string, module: string}} the script is a function of `load$`, which imports what it is given the name of, and `meta$`, which stands for `import.meta`; it resolves to what is exported.
 * @throws when a function assigns to something that is exported
 */
export function moduleScript(code, name) {
  const { body } = parseAst(code);
  /** @type {string[]} */
  const sources = [];
  /** @type {string[]} */
  const bindings = [];
  /** @type {Map<string, string>} names outside, to names inside */
  const exported = new Map();
  /** @type {{start: number, end: number, text: string}[]} */
  const changes = [];
  for (const statement of body) {
    const { type, start, end } = statement;
    if (type === 'ImportDeclaration') {
      bindings.push(patternOf(statement, sources.length));
      sources.push(statement.source.raw);
    } else if (type === 'ExportNamedDeclaration' && !statement.declaration && !statement.source) {
      for (const one of statement.specifiers) exported.set(one.exported.name, one.local.name);
    } else if (type.startsWith('Export')) {
      throw new Error(`a packed module exports its names in one list, and not so: ${code.slice(start, end)}`);
    } else continue;
    changes.push({ start, end, text: '' });
  }
  const inside = new Set(exported.values());
  walk(body, (node, isLater) => {
    const { type, start, end } = node;
    const target =
      type === 'AssignmentExpression' ? node.left : type === 'UpdateExpression' ? node.argument : undefined;
    if (isLater && target?.type === 'Identifier' && inside.has(target.name))
      throw new Error(`${target.name} is exported, and changes: ${code.slice(start, end).slice(0, 100)}`);
    if (type === 'ImportExpression') changes.push({ start, end: start + 'import'.length, text: 'load$' });
    else if (type === 'MetaProperty' && node.meta.name === 'import') changes.push({ start, end, text: 'meta$' });
  });
  const list = [...exported].map(([outside, inside]) => `${outside}: ${inside}`).join(', ');
  const names = [...exported.keys()].map((one) => `${one}: ${one}$`).join(', ');
  const again = [...exported.keys()].map((one) => `${one}$ as ${one}`).join(', ');
  return {
    script: [
      `'use strict'; (async (load$, meta$) => {`,
      `const modules$ = await Promise.all([${sources.join(', ')}].map(load$));`,
      ...bindings,
      changed(code, changes),
      `return { ${list} };`,
      '})',
    ].join('\n'),
    module: [
      `import { run } from './compiled-script.js';`,
      `const { ${names} } = await run(new URL('${name}', import.meta.url), (name) => import(name), import.meta);`,
      `export { ${again} };\n`,
    ].join('\n'),
  };
}

/** What a statement imports, taken from the n-th of the modules. */
function patternOf({ specifiers }, n) {
  const members = [];
  const whole = [];
  for (const { type, local, imported } of specifiers) {
    if (type === 'ImportNamespaceSpecifier') whole.push(`const ${local.name} = modules$[${n}];`);
    else members.push(`${type === 'ImportDefaultSpecifier' ? 'default' : imported.name}: ${local.name}`);
  }
  return `${whole.join(' ')} const { ${members.join(', ')} } = modules$[${n}];`;
}

/** @param {string} code @param {{start: number, end: number, text: string}[]} changes */
function changed(code, changes) {
  const parts = [];
  let at = 0;
  for (const { start, end, text } of changes.sort((a, b) => a.start - b.start)) {
    parts.push(code.slice(at, start), text);
    at = end;
  }
  return [...parts, code.slice(at)].join('');
}

/** @param {(node: object, isLater: boolean) => void} visit is told whether the node is in a function, which may run later */
function walk(node, visit, isLater = false) {
  if (Array.isArray(node)) for (const one of node) walk(one, visit, isLater);
  else if (typeof node?.type === 'string') {
    visit(node, isLater);
    const within = isLater || /Function/.test(node.type);
    for (const value of Object.values(node)) if (typeof value === 'object') walk(value, visit, within);
  }
}
