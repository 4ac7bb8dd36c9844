import type { CheckFinding } from '../check/finding.js';
import { locationIn } from '../check/finding.js';
import type { Invocation } from '../command.js';
import { DiskTree } from '../project/source-tree.js';
import type { ProjectFile } from '../project/project-file.js';
import { projectPlaces, type ProjectSchema } from '../project/project.js';

interface Policed {
  readonly root: string;
  readonly fileName: string;
  readonly file: ProjectFile | undefined;
  readonly all: readonly ProjectSchema[];
  readonly chosen: readonly ProjectSchema[];
  /** Whether all of the project is asked about, its topics too. */
  readonly whole: boolean;
}

/** What the policies of the project have against it. What asks them is loaded only where there are some. */
export async function policiesAgainst(
  { io }: Invocation,
  { root, fileName, file, all, chosen, whole }: Policed,
): Promise<readonly CheckFinding[]> {
  const patterns = file?.policies ?? [];
  if (patterns.length === 0) return [];
  const { readPolicies } = await import('../policies/policy-file.js');
  const { policyFindings } = await import('../policies/judged.js');
  const tree = new DiskTree(root);
  const places = await projectPlaces(tree, fileName, io.env);
  return policyFindings(await readPolicies(tree, patterns, io.env), {
    topics: whole ? (file?.topics ?? []) : [],
    file,
    all,
    chosen,
    placeOfTopic: (index) => locationIn(fileName, places.text, places.placeOf(['topics', index])),
  });
}
