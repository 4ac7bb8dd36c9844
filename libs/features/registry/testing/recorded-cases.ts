import type { SchemaType } from '#libs/core/schema';
import type { CanonicalCase, CaseSchema, ParseCase, ReferencedCase, VerdictCase } from '#libs/core/schema/testing';
import { inProcess, type Answer } from '#libs/platform/testing';
import { openRegistryApp, type RegistryApp } from './registry-app.js';
import { RegistryCalls, type ShownSchema } from './registry-calls.js';

type Body = Readonly<Record<string, unknown>>;

/** How a case came out otherwise than recorded. */
export interface WrongAnswer {
  readonly id: string;
  readonly got: unknown;
}

/** Groups of cases before the service is opened anew: the store of the tests copies everything with each change, so it is kept small. */
const GROUPS_PER_APP = 60;

/**
 * Puts recorded cases to the service over HTTP, as the reference was asked (`test/fixtures/conformance/README.md`), and returns those that come out otherwise.
 * Cases share names of subjects, so they are kept apart by contexts.
 */
export class RecordedCases {
  #app: RegistryApp | undefined;
  readonly #calls = new RegistryCalls(inProcess(() => this.#app!.http.fastify));
  #groups = 0;

  constructor(
    private readonly type: SchemaType,
    /** Whether messages come in a promised order. */
    private readonly ordered: boolean,
  ) {}

  async close(): Promise<void> {
    await this.#app?.http.close();
    this.#app = undefined;
  }

  /** What is accepted, and with which code the rest is refused. */
  async wrongParses(cases: readonly ParseCase[]): Promise<readonly WrongAnswer[]> {
    const wrong: WrongAnswer[] = [];
    for (const one of cases) {
      const context = await this.#context(one.referenced);
      const { status, json } = await this.#register(`${context}/subjects/s/versions`, one);
      const answers = [one, ...(one.alternatives ?? [])];
      const right = answers.some(({ accepted, error_code: code }) =>
        accepted ? status === 200 : status >= 400 && status < 500 && json['error_code'] === code,
      );
      if (!right) wrong.push({ id: one.id, got: [status, json['error_code'], json['message']] });
    }
    return wrong;
  }

  /** Stored texts plain and normalised, GUIDs, other forms, and which cases share an id. They are registered side by side in one context. */
  async wrongTexts(cases: readonly CanonicalCase[]): Promise<readonly WrongAnswer[]> {
    const wrong: WrongAnswer[] = [];
    await this.#fresh();
    const ids = new Map<string, unknown>();
    for (const [index, one] of cases.entries()) {
      for (const other of one.referenced ?? []) await this.#register(versionsOf(other.subject), other);
      const { metadata, formats = {} } = one;
      const ask = async (query: string) => {
        const path = `/subjects/case${index}${query === '' ? '' : '-n'}/versions${query}`;
        const { id } = (await this.#register(path, one, { metadata })).json;
        return { id, ...(await this.#calls.get<ShownSchema>(`/schemas/ids/${String(id)}`)).json };
      };
      const [plain, normal] = [await ask(''), await ask('?normalize=true')];
      ids.set(one.id, plain.id);
      const shown: Record<string, string> = {};
      for (const format of Object.keys(formats)) {
        shown[format] = (await this.#calls.get(`/schemas/ids/${String(plain.id)}/schema?format=${format}`)).text;
      }
      const right =
        plain.schema === one.stored &&
        plain.guid === one.guid &&
        normal.schema === one.stored_normalized &&
        normal.guid === one.guid_normalized &&
        Object.entries(formats).every(([format, text]) => isShown(shown[format]!, text)) &&
        (one.same_as ?? []).every((other) => !ids.has(other) || ids.get(other) === plain.id);
      if (!right) wrong.push({ id: one.id, got: { plain, normal, shown } });
    }
    return wrong;
  }

  /** What may follow what, with every message. Cases with the same earlier versions are asked of one subject. */
  async wrongVerdicts(cases: readonly VerdictCase[]): Promise<readonly WrongAnswer[]> {
    const wrong: WrongAnswer[] = [];
    for (const group of groupsOf(cases)) {
      const [{ earlier, referenced }] = group as [VerdictCase];
      const context = await this.#context(referenced);
      for (const one of earlier) await this.#register(`${context}/subjects/s/versions`, one);
      let setting = '';
      for (const one of group) {
        const config = { compatibility: one.level, compatibilityPolicy: one.policy };
        if (setting !== JSON.stringify(config)) await this.#calls.put(`${context}/config/s`, config);
        setting = JSON.stringify(config);
        const { json } = await this.#register(`/compatibility/subjects/s/versions?verbose=true`, one.new, {}, context);
        if (!this.#isRight(one, json)) wrong.push({ id: one.id, got: json });
      }
    }
    return wrong;
  }

  #isRight(one: VerdictCase, { is_compatible: compatible, messages }: Record<string, unknown>): boolean {
    const allowed = [one, ...(one.alternatives ?? [])].map((answer) => answer.compatible);
    if (!allowed.includes(compatible as boolean)) return false;
    if (one.messages_stable === false || one.reference_bug === true) return true;
    return this.#comparable(messages as readonly string[]) === this.#comparable(one.messages);
  }

  #comparable(messages: readonly string[]): string {
    return JSON.stringify(this.ordered ? messages : [...new Set(messages)].sort());
  }

  /** The path of a context of its own, with what the case refers to. Where nothing else is set there, nothing is checked. */
  async #context(referenced: readonly ReferencedCase[] = []): Promise<string> {
    if (this.#app === undefined || this.#groups % GROUPS_PER_APP === 0) {
      await this.#fresh();
      await this.#calls.put('/config/:.__GLOBAL:', { compatibility: 'NONE' });
    }
    const context = `/contexts/.g${this.#groups++}`;
    for (const one of referenced) await this.#register(`${context}${versionsOf(one.subject)}`, one);
    return context;
  }

  async #fresh(): Promise<void> {
    await this.close();
    this.#app = await openRegistryApp();
  }

  #register(path: string, schema: CaseSchema, more: object = {}, context = ''): Promise<Answer<Body>> {
    const { schemaType = this.type, references } = schema;
    return this.#calls.post(`${context}${path}`, { schema: schema.schema, schemaType, references, ...more });
  }
}

/** Where the reference failed, anything but a failure is right. */
function isShown(shown: string, recorded: string): boolean {
  return recorded === 'status 500' ? !shown.startsWith('status 5') : shown === recorded;
}

function versionsOf(subject: string): string {
  return `/subjects/${encodeURIComponent(subject)}/versions`;
}

/** Cases that can share a subject, those with one setting next to each other. */
function groupsOf(cases: readonly VerdictCase[]): Iterable<readonly VerdictCase[]> {
  const groups = new Map<string, VerdictCase[]>();
  for (const one of cases) {
    const key = JSON.stringify([one.referenced, one.earlier]);
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [one]);
    else group.push(one);
  }
  const settingOf = ({ level, policy }: VerdictCase) => `${level} ${String(policy)}`;
  for (const group of groups.values()) group.sort((a, b) => (settingOf(a) < settingOf(b) ? -1 : 1));
  return groups.values();
}
