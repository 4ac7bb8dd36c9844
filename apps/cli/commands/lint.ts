import { join } from 'node:path';
import { helpUrls } from '../check/help-url.js';
import { given, type Handler } from '../command.js';
import { formattedText } from '../lint/format.js';
import { lintSchema, rulesInUse } from '../lint/lint.js';
import { listed } from '../outcome.js';
import { writtenFile } from '../output/written-file.js';
import { chosenSchemas, excused, failOn, most } from './check.js';
import { reported } from './findings-output.js';

/** `weir lint`: naming and style. */
export const lint: Handler = async (invocation) => {
  const chosen = await chosenSchemas(invocation);
  const rules = rulesInUse(chosen.file?.lint);
  const findings = chosen.chosen.flatMap((schema) => lintSchema(schema, rules));
  return reported(invocation, {
    kind: 'LintReport',
    against: null,
    schemas: chosen.chosen.map(({ subject, file }) => ({
      subject,
      file,
      status: 'unchanged',
      level: 'NONE',
      levelOrigin: 'lint',
      comparedWith: [],
    })),
    findings: await excused(invocation, chosen, findings, chosen.file?.lint?.ignore ?? []),
    failOn: failOn(invocation, 'warning'),
    most: most(invocation),
    root: chosen.root,
    noFail: invocation.options['fail'] === false,
    helpUrls: helpUrls(chosen.file, invocation.io.env),
  });
};

/** `weir fmt`: one layout. Without --write nothing is changed. */
export const fmt: Handler = async (invocation) => {
  const chosen = await chosenSchemas(invocation);
  const write = given(invocation, 'write') && !invocation.flags.dryRun;
  const files = chosen.chosen.flatMap((schema) => {
    const made = formattedText(schema);
    return made === undefined || made === schema.text ? [] : [{ file: schema.file, subject: schema.subject, made }];
  });
  if (write) for (const { file, made } of files) await writtenFile(join(chosen.root, file), made);
  const items = files.map(({ file, subject }) => ({ file, subject, written: write }));
  const outcome = listed(
    'FormattedFiles',
    items,
    [
      { title: 'file', of: ({ file }) => file },
      { title: 'subject', of: ({ subject }) => subject },
      { title: 'written', of: ({ written }) => (written ? 'yes' : 'no') },
    ],
    ({ file }) => file,
    'Every file is laid out as weir fmt would.',
  );
  return { ...outcome, exit: given(invocation, 'check') && files.length > 0 ? 'no' : 'done' };
};
