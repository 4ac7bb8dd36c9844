import { COMPATIBILITY_LEVELS, type CompatibilityLevel } from '#libs/core/schema';
import { nearest } from '#libs/core/kernel';
import { baselineOf, pathInProject, type Baseline } from '../check/baseline.js';
import { checked } from '../check/checked.js';
import { LEVELS_OF_FINDINGS, type FindingLevel } from '../check/finding.js';
import { RegistryBaseline } from '../check/registry-baseline.js';
import { helpUrls } from '../check/help-url.js';
import { readWaivers, waived } from '../check/waivers.js';
import { given, text, type Handler, type Invocation } from '../command.js';
import { usage } from '../failure.js';
import { loadSchemas, looseSchemas, type ProjectSchema } from '../project/project.js';
import type { ProjectFile } from '../project/project-file.js';
import type { Outside } from '../project/schema-set.js';
import { DiskTree } from '../project/source-tree.js';
import { reported } from './findings-output.js';
import { policiesAgainst } from './policed.js';

/** What the command line and the project say of the schemas that are meant. */
export interface ChosenSchemas {
  readonly root: string;
  readonly fileName: string;
  readonly file: ProjectFile | undefined;
  readonly all: readonly ProjectSchema[];
  readonly chosen: readonly ProjectSchema[];
  readonly whole: boolean;
}

/** `weir check`: would these schemas break a reader? */
export const check: Handler = async (invocation) => {
  const { io } = invocation;
  const chosen = await chosenSchemas(invocation);
  const { file, root, all } = chosen;
  const settings = await invocation.settings();
  const level = levelAsked(invocation);
  const against = text(invocation, 'against') ?? file?.check?.against ?? 'merge-base';
  let baseline: Baseline;
  let outside: Outside | undefined;
  if (against === 'registry') {
    const registry = new RegistryBaseline(await settings.client(), (schema) => level ?? schema.level?.value);
    baseline = registry;
    outside = (subject, version) => registry.outside(subject, version);
  } else {
    baseline = await baselineOf({
      against,
      root,
      cwd: io.cwd,
      file,
      fileName: chosen.fileName,
      schemas: chosen.chosen,
      all,
      fetch: given(invocation, 'fetch'),
      env: io.env,
    });
  }
  const { schemas, findings } = await checked({
    all,
    chosen: chosen.chosen,
    baseline,
    outside,
    level,
    onlyChanged: given(invocation, 'onlyChanged'),
    whole: chosen.whole,
  });
  return reported(invocation, {
    kind: 'CheckReport',
    against: baseline.label,
    schemas,
    findings: await excused(
      invocation,
      chosen,
      [...findings, ...(await policiesAgainst(invocation, chosen))],
      file?.check?.ignore ?? [],
    ),
    failOn: failOn(invocation, file?.check?.failOn ?? 'error'),
    most: most(invocation),
    root,
    noFail: invocation.options['fail'] === false,
    helpUrls: helpUrls(file, io.env),
  });
};

/** The findings with waivers and ignores of the project applied. */
export async function excused(
  { io, say }: Invocation,
  { root, file }: ChosenSchemas,
  findings: Parameters<typeof waived>[0],
  ignores: NonNullable<NonNullable<ProjectFile['check']>['ignore']>,
): Promise<ReturnType<typeof waived>> {
  const waiversFile = file?.check?.waivers;
  const waivers = waiversFile === undefined ? [] : await readWaivers(new DiskTree(root), waiversFile, io.env);
  if (waivers === undefined)
    say(`note: there is no file '${waiversFile}' (check.waivers), so nothing is waived; weir waiver add makes it.`);
  return waived(findings, {
    waivers: waivers ?? [],
    waiversFile: waiversFile ?? '',
    ignores,
    today: new Date().toISOString().slice(0, 10),
  });
}

/** The schemas of the project, or those at the paths that are given. @throws Failure where there is neither. */
export async function chosenSchemas(invocation: Invocation): Promise<ChosenSchemas> {
  const { io } = invocation;
  const paths = (invocation.args[0] ?? []) as readonly string[];
  const { project } = await invocation.settings();
  if (project === undefined) {
    if (paths.length === 0)
      throw usage(
        'no-project',
        'There is no weir.yaml here or above, and no path was given.',
        'Make a project: weir init. Or name schemas: weir check schemas/ --against main.',
      );
    const all = await looseSchemas(
      new DiskTree(io.cwd),
      paths.map((path) => pathInProject(io.cwd, io.cwd, path)),
    );
    return { root: io.cwd, fileName: 'weir.yaml', file: undefined, all, chosen: all, whole: false };
  }
  const { root, file, fileName } = project;
  const all = await loadSchemas(new DiskTree(root), file, { name: fileName, env: io.env });
  if (paths.length === 0) return { root, fileName, file, all, chosen: all, whole: true };
  const wanted = paths.map((path) => ({ path, here: pathInProject(root, io.cwd, path) }));
  for (const { path, here } of wanted) {
    if (all.some((schema) => isBelow(schema.file, here) || schema.subject === path)) continue;
    const near = nearest(path, [...all.map(({ file: one }) => one), ...all.map(({ subject }) => subject)]);
    throw usage(
      'path-without-schemas',
      `No schema of the project is at '${path}'.`,
      near === undefined ? 'The project file says which there are.' : `Did you mean '${near}'?`,
    );
  }
  const chosen = all.filter((schema) =>
    wanted.some(({ path, here }) => isBelow(schema.file, here) || schema.subject === path),
  );
  return { root, fileName, file, all, chosen, whole: false };
}

/** The level at which findings make the answer no. */
export function failOn(invocation: Invocation, otherwise: FindingLevel): FindingLevel {
  const asked = text(invocation, 'failOn');
  return LEVELS_OF_FINDINGS.find((level) => level === asked) ?? otherwise;
}

/** `--max N`. @throws Failure for what is no number. */
export function most(invocation: Invocation): number | undefined {
  const asked = text(invocation, 'max');
  if (asked === undefined) return undefined;
  if (!/^\d+$/.test(asked)) throw usage('number-invalid', `'${asked}' (--max) is no number.`);
  return Number(asked);
}

/** `--level L`. @throws Failure with the one that was likely meant. */
export function levelAsked(invocation: Invocation): CompatibilityLevel | undefined {
  const asked = text(invocation, 'level');
  if (asked === undefined) return undefined;
  const found = COMPATIBILITY_LEVELS.find((level) => level === asked.toUpperCase());
  if (found !== undefined) return found;
  const near = nearest(asked, COMPATIBILITY_LEVELS);
  throw usage(
    'compatibility-level-unknown',
    `'${asked}' is no compatibility level.`,
    near === undefined ? `One of ${COMPATIBILITY_LEVELS.join(', ')}.` : `Did you mean '${near}'?`,
  );
}

function isBelow(file: string, path: string): boolean {
  return path === '.' || file === path || file.startsWith(`${path.replace(/\/$/, '')}/`);
}
