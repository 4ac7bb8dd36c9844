/**
 * Writes a page for every rule that a finding can cite, from the catalogue and the tested examples of the rule.
 *
 *   npm run docs:rules             write docs/rules
 *   npm run docs:rules -- --check  fail when the committed pages are not what the code says
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { LINT_RULES } from '../apps/cli/lint/rules.js';
import { ruleCatalogue, type RuleEntry } from '../apps/cli/rules/catalogue.js';

const ROOT = resolve('docs/rules');
/** Where the languages keep the examples of their rules, by what rule ids begin with. */
const CASES: Readonly<
  Record<string, { readonly folder: string; readonly extension: string; readonly language: string }>
> = {
  avro: { folder: 'libs/core/schema/avro/rule-cases', extension: 'avsc', language: 'json' },
  json: { folder: 'libs/core/schema/json-schema/rule-cases', extension: 'json', language: 'json' },
  protobuf: { folder: 'libs/core/schema/protobuf/rule-cases', extension: 'proto', language: 'proto' },
};

const rules = ruleCatalogue();
const pages = new Map<string, string>();
for (const rule of rules) pages.set(`${rule.id}.md`, await formatted(pageOf(rule)));
pages.set('README.md', await formatted(indexOf(rules)));

if (process.argv.includes('--check')) {
  const wrong: string[] = [];
  for (const [name, text] of pages)
    if ((await readFile(resolve(ROOT, name), 'utf8').catch(() => '')) !== text) wrong.push(name);
  const known = new Set(pages.keys());
  for (const name of readdirSync(ROOT, { recursive: true, encoding: 'utf8' }))
    if (name.endsWith('.md') && !known.has(name)) wrong.push(name);
  if (wrong.length === 0) console.log('docs/rules is what the code says');
  else {
    console.error(`docs/rules is not what the code says: ${wrong.join(', ')}. Run: npm run docs:rules`);
    process.exitCode = 1;
  }
} else {
  await rm(ROOT, { recursive: true, force: true });
  for (const [name, text] of pages) {
    await mkdir(dirname(resolve(ROOT, name)), { recursive: true });
    await writeFile(resolve(ROOT, name), text);
  }
  console.log(`${pages.size} pages written`);
}

function pageOf(rule: RuleEntry): string {
  const { id, title, severity, category, purpose, fix } = rule;
  return `# ${id}

<!-- Written by \`npm run docs:rules\`. -->

${title.charAt(0).toUpperCase()}${title.slice(1)}. Severity: ${severity}. Category: ${category}.

${purpose}

${fix === null ? '' : `## What to do\n\n${fix}\n`}
${exampleOf(rule)}`;
}

function exampleOf({ id }: RuleEntry): string {
  const lint = LINT_RULES.find((rule) => rule.id === id);
  if (lint !== undefined) {
    const language = lint.schemaType === 'PROTOBUF' ? 'proto' : 'json';
    if (lint.schemaType === null) return '';
    return `## Example\n\nFound:\n\n${fence(language, lint.before)}\n\nNot found:\n\n${fence(language, lint.after)}\n`;
  }
  const [prefix, name] = id.split('/');
  const cases = CASES[prefix!];
  const folder = cases === undefined ? '' : `${cases.folder}/${name}`;
  if (cases === undefined || !existsSync(folder)) return '';
  const found = readdirSync(folder)
    .filter((file) => file.endsWith('.expected.json'))
    .map((file) => ({
      file,
      expected: JSON.parse(readFileSync(`${folder}/${file}`, 'utf8')) as {
        about: string;
        compatible: Record<string, boolean>;
        findings?: { rule: string; at: string | null }[];
      },
    }))
    .find(({ expected }) => expected.findings?.some(({ rule }) => rule === id) === true);
  if (found === undefined) return '';
  const read = (side: string): string =>
    readFileSync(`${folder}/${found.file.replace('.expected.json', `.${side}.${cases.extension}`)}`, 'utf8');
  const verdicts = Object.entries(found.expected.compatible).map(
    ([level, compatible]) => `${level} ${compatible ? 'yes' : 'no'}`,
  );
  const at = found.expected.findings!.find(({ rule }) => rule === id)!.at;
  return `## Example

${found.expected.about.charAt(0).toUpperCase()}${found.expected.about.slice(1)}${at === null ? '' : `; found at line ${at.replace(':', ', column ')} of the later one`}. May it follow? ${verdicts.join(', ')}.

Before:

${fence(cases.language, read('before'))}

After:

${fence(cases.language, read('after'))}
`;
}

function indexOf(all: readonly RuleEntry[]): string {
  return `# Rules

<!-- Written by \`npm run docs:rules\`. -->

Ids are public: findings cite them, ignores and waivers name them, and they keep their meaning. \`weir explain RULE\` shows a rule on a terminal.

| Rule | Category | Severity | What |
| --- | --- | --- | --- |
${all.map(({ id, category, severity, title }) => `| [${id}](${id}.md) | ${category} | ${severity} | ${title.replaceAll('|', '\\|')} |`).join('\n')}
`;
}

function fence(language: string, text: string): string {
  return `\`\`\`${language}\n${text.trimEnd()}\n\`\`\``;
}

/** As `npm run format` wants it, so that the two checks agree. */
async function formatted(markdown: string): Promise<string> {
  return format(markdown, { ...(await resolveConfig(resolve('docs/rules.md'))), parser: 'markdown' });
}
