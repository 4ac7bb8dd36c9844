import { parseDocument, type Document } from 'yaml';
import { join } from 'node:path';
import { holdsNothing, readWaivers } from '../check/waivers.js';
import { argument, text, type Handler, type Invocation } from '../command.js';
import { Failure, usage } from '../failure.js';
import { described, listed } from '../outcome.js';
import { writtenFile } from '../output/written-file.js';
import { DiskTree } from '../project/source-tree.js';
import type { Waiver } from '../project/project-file.js';
import { milliseconds } from '../settings/durations.js';

const today = (): string => new Date().toISOString().slice(0, 10);

/** `weir waiver list`: what the project excuses, by whom and until when. */
export const list: Handler = async (invocation) => {
  const { waivers } = await WaiversFile.read(invocation);
  const now = today();
  return listed(
    'WaiverList',
    waivers.map((one) => ({ ...one, expired: one.expires < now })),
    [
      { title: 'fingerprint', of: ({ fingerprint }) => fingerprint },
      { title: 'owner', of: ({ owner }) => owner },
      { title: 'expires', of: ({ expires, expired }) => (expired ? `${expires} (over)` : expires) },
      { title: 'reason', of: ({ reason }) => reason },
    ],
    ({ fingerprint }) => fingerprint,
    'Nothing is waived. Waive a finding: weir waiver add FINGERPRINT --owner WHO --expires 90d --reason WHY',
  );
};

/** `weir waiver add`: a finding is excused, by whom, why and until when. */
export const add: Handler = async (invocation) => {
  const [owner, expires] = [text(invocation, 'owner'), text(invocation, 'expires')];
  const reason = (await invocation.settings()).reason?.value;
  const missing = [
    ...(owner === undefined || owner.trim() === '' ? ['--owner'] : []),
    ...(expires === undefined ? ['--expires'] : []),
    ...(reason === undefined || reason.trim() === '' ? ['--reason'] : []),
  ];
  if (missing.length > 0)
    throw usage('waiver-incomplete', `A waiver says by whom, until when and why: ${missing.join(', ')} is missing.`);
  const waiver: Waiver = {
    fingerprint: fingerprintOf(invocation),
    owner: owner!,
    reason: reason!,
    expires: lastDayOf(expires!),
  };
  const file = await WaiversFile.read(invocation);
  file.add(waiver);
  const { dryRun } = invocation.flags;
  if (!dryRun) await file.write();
  return described('Waiver', { ...waiver, file: file.name, dryRun }, waiver.fingerprint);
};

/** `weir waiver revoke`: the finding counts again. */
export const revoke: Handler = async (invocation) => {
  const file = await WaiversFile.read(invocation);
  const waiver = file.remove(fingerprintOf(invocation));
  const { dryRun } = invocation.flags;
  if (!dryRun) await file.write();
  return described('Waiver', { ...waiver, file: file.name, dryRun }, waiver.fingerprint);
};

/** The file of waivers of a project, changed as text: comments and order stay. */
class WaiversFile {
  private constructor(
    readonly name: string,
    private readonly path: string,
    readonly waivers: readonly Waiver[],
    private readonly document: Document,
  ) {}

  /** @throws Failure where the project names no such file, or it is not in order. One that is not there is empty. */
  static async read(invocation: Invocation): Promise<WaiversFile> {
    const { root, file } = (await invocation.settings()).requireProject();
    const name = file.check?.waivers;
    if (name === undefined)
      throw usage(
        'waivers-unnamed',
        'The project names no file of waivers.',
        'Add one to weir.yaml: check: { waivers: waivers.yaml }',
      );
    const tree = new DiskTree(root);
    const content = (await tree.read([name])).get(name) ?? '';
    const isEmpty = holdsNothing(content);
    const waivers = isEmpty ? [] : ((await readWaivers(tree, name, invocation.io.env)) ?? []);
    return new WaiversFile(name, join(root, name), waivers, parseDocument(isEmpty ? `${content}\n[]` : content));
  }

  /** @throws Failure where the finding is waived already. */
  add(waiver: Waiver): void {
    const present = this.waivers.find(({ fingerprint }) => fingerprint === waiver.fingerprint);
    if (present !== undefined)
      throw new Failure({
        code: 'waiver-exists',
        exit: 'conflict',
        message: `${present.owner} has waived ${present.fingerprint} until ${present.expires}.`,
        hint: `To say it anew: weir waiver revoke ${present.fingerprint}, then add it.`,
      });
    this.document.add(this.document.createNode(waiver, { flow: this.waivers.length === 0 ? false : undefined }));
    if (this.document.contents !== null) (this.document.contents as { flow?: boolean }).flow = false;
  }

  /** @throws Failure where nothing of the kind is waived. */
  remove(fingerprint: string): Waiver {
    const at = this.waivers.findIndex((one) => one.fingerprint === fingerprint);
    if (at < 0)
      throw new Failure({
        code: 'waiver-not-found',
        exit: 'not-found',
        message: `'${this.name}' has no waiver of ${fingerprint}.`,
        hint: 'weir waiver list shows those it has.',
      });
    this.document.deleteIn([at]);
    return this.waivers[at]!;
  }

  async write(): Promise<void> {
    await writtenFile(this.path, this.document.toString({ lineWidth: 0 }), { folders: true });
  }
}

function fingerprintOf(invocation: Invocation): string {
  const fingerprint = argument(invocation, 0);
  if (/^[0-9a-f]{16}$/.test(fingerprint)) return fingerprint;
  throw usage(
    'fingerprint-invalid',
    `'${fingerprint}' is no fingerprint of a finding.`,
    'It has 16 hexadecimal digits; weir check shows it with each finding.',
  );
}

/** `90d` from now, or a day. */
function lastDayOf(given: string): string {
  const isDay = /^\d{4}-\d{2}-\d{2}$/.test(given);
  const at = isDay ? Date.parse(given) : Date.now() + milliseconds(given, '--expires');
  if (Number.isNaN(at) || new Date(at).toISOString().slice(0, 10) < today())
    throw usage('day-invalid', `'${given}' (--expires) is no day to come.`, 'Write 90d or 2027-01-31.');
  return new Date(at).toISOString().slice(0, 10);
}
